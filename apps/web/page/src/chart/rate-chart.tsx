import { formatRate } from '@fetchfleet/crawl/units';
import { useEffect, useRef, useState } from 'preact/hooks';
import type UPlot from 'uplot';
/* oxlint-disable import/no-unassigned-import -- styles have no names */
import 'uplot/dist/uPlot.min.css';
/* oxlint-enable import/no-unassigned-import */
import type { Series } from '../../../src/api/documents.ts';
import { toError } from '../api/client.ts';
import { say } from '../part/notice.tsx';

const HEIGHT = 160;

/**
 * Fetches a second over time, with the value under the pointer. What draws it is two fifths of the
 * page, and is loaded when it is needed.
 */
export function RateChart({ series }: { readonly series: Series }) {
  const [Plot, setPlot] = useState<typeof UPlot>();
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  useEffect(() => {
    const load = async (): Promise<void> => {
      const { default: loaded } = await import('uplot');
      setPlot(() => loaded);
    };
    load().catch((error: unknown) => say(toError(error).message, { isBad: true }));
  }, []);
  useEffect(() => {
    const parent = element.current;
    if (parent === null || Plot === undefined) {
      return undefined;
    }
    const made = drawIn(parent, Plot, series);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: parent.clientWidth, height: HEIGHT });
    });
    observer.observe(parent);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [Plot]);
  useEffect(() => plot.current?.setData(dataOf(series)), [series]);
  const known = series.values.filter((value) => value !== null);
  const latest = known.at(-1) ?? 0;
  const highest = Math.max(0, ...known);
  return (
    <figure>
      <div
        ref={element}
        class="chart"
        role="img"
        aria-label={`${formatRate(latest)} now, at most ${formatRate(highest)}`}
      />
    </figure>
  );
}

function drawIn(parent: HTMLElement, Plot: typeof UPlot, series: Series): UPlot {
  const colors = getComputedStyle(parent);
  const color = (name: string): string => colors.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--quiet'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: `12px ${colors.fontFamily}`,
  };
  return new Plot(
    {
      width: parent.clientWidth,
      height: HEIGHT,
      padding: [8, 28, 0, 0], // half of a time
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, __, highest) => [0, Math.max(1, highest * 1.1)] } },
      axes: [
        {
          ...axis,
          size: 32,
          gap: 9,
          space: 90, // for seconds as well: a batch may have begun just now
          values: (_, times) => times.map((time) => clock(time, isWithinMinutes(times))),
        },
        {
          ...axis,
          size: 64,
          values: (_, values) => values.map((value) => formatRate(value)),
        },
      ],
      series: [
        {},
        { stroke: color('--accent'), fill: color('--accent-faint'), width: 1.5, spanGaps: false },
      ],
    },
    dataOf(series),
    parent,
  );
}

function isWithinMinutes([first = 0, second = Infinity]: readonly number[]): boolean {
  return second - first < 60;
}

function clock(seconds: number, hasSeconds: boolean): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', {
    timeStyle: hasSeconds ? 'medium' : 'short',
  });
}

/** From the first sample on: most batches are younger than the hour that is kept. */
function dataOf({ values: all, everyMs, endsAt }: Series): UPlot.AlignedData {
  const first = all.findIndex((value) => value !== null);
  const values = all.slice(Math.max(0, first - 1));
  const end = Date.parse(endsAt) / 1_000;
  const times = values.map((_, at) => end - ((values.length - 1 - at) * everyMs) / 1_000);
  return [times, [...values]];
}
