import { formatCount } from '@fetchfleet/crawl/units';
import type { WatchedOrigin } from '../../../src/api/documents.ts';

const WIDTH = 72;
const HEIGHT = 20;

/** Fetches of the last hour as bars; what was refused stands at their feet in another colour. */
export function Hour({ hour }: { readonly hour: NonNullable<WatchedOrigin['lastHour']> }) {
  const { ended, refused } = hour;
  const highest = Math.max(...ended);
  const text = `${formatCount(sum(ended))} fetches in the last hour, ${formatCount(sum(refused))} refused`;
  if (highest === 0) {
    return (
      <span class="quiet" title={text}>
        –
      </span>
    );
  }
  const each = WIDTH / ended.length;
  const heightOf = (count: number): number =>
    count === 0 ? 0 : Math.max(1, (count / highest) * HEIGHT);
  return (
    <svg
      class="hour"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={text}
    >
      <title>{text}</title>
      {ended.map((count, at) => (
        <Bar key={at} x={at * each} width={each * 0.8} height={heightOf(count)} />
      ))}
      {refused.map((count, at) => (
        <Bar key={at} x={at * each} width={each * 0.8} height={heightOf(count)} isBad />
      ))}
    </svg>
  );
}

interface BarProps {
  readonly x: number;
  readonly width: number;
  readonly height: number;
  readonly isBad?: boolean;
}

function Bar({ x, width, height, isBad = false }: BarProps) {
  return (
    <rect class={isBad ? 'refused' : ''} x={x} y={HEIGHT - height} width={width} height={height} />
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
