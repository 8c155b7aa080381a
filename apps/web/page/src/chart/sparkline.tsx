import { formatDuration, formatRate } from '@fetchfleet/crawl/units';
import type { Series } from '../../../src/api/documents.ts';

const WIDTH = 120;
const HEIGHT = 24;
/** More could not be told apart. */
const MAX_BARS = 60;

interface SparklineProps {
  readonly series: Series | null;
  /** What it shows, for who does not see it. */
  readonly label: string;
  readonly kind?: 'good' | 'bad';
}

/** A line of bars, as high as the highest of them. */
export function Sparkline({ series, label, kind = 'good' }: SparklineProps) {
  const values = series === null ? [] : condensed(series.values);
  const highest = Math.max(0, ...values.map((value) => value ?? 0));
  if (series === null || highest === 0) {
    return <span class="sparkline none" role="img" aria-label={`${label}: nothing yet`} />;
  }
  const each = WIDTH / MAX_BARS;
  const span = formatDuration(series.everyMs * series.values.length);
  return (
    <svg
      class={`sparkline ${kind}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label} of the last ${span}: at most ${formatRate(highest)}`}
    >
      {values.map((value, at) => {
        const height = value === null ? 0 : Math.max(1, (value / highest) * HEIGHT);
        const x = WIDTH - (values.length - at) * each;
        return <rect key={at} x={x} y={HEIGHT - height} width={each * 0.8} height={height} />;
      })}
    </svg>
  );
}

function condensed(values: Series['values']): (number | null)[] {
  const size = Math.max(1, Math.ceil(values.length / MAX_BARS));
  const bars = [];
  for (let end = values.length; end > 0; end -= size) {
    const group = values.slice(Math.max(0, end - size), end).filter((value) => value !== null);
    bars.unshift(
      group.length === 0 ? null : group.reduce((sum, value) => sum + value, 0) / group.length,
    );
  }
  return bars;
}
