import { formatCount, formatDuration } from '@fetchfleet/crawl/units';
import type { BatchDetail } from '../../../src/api/documents.ts';

type Buckets = NonNullable<BatchDetail['latency']>;

/** How long fetches took, with the three figures that people ask for. */
export function Histogram({ buckets }: { readonly buckets: Buckets }) {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  const highest = Math.max(1, ...buckets.map(({ count }) => count));
  return (
    <figure class="histogram">
      <p class="counts">
        {[50, 95, 99].map((percent) => (
          <span key={percent}>
            <span class="quiet">p{percent}</span> {quantile(buckets, total * (percent / 100))}
          </span>
        ))}
      </p>
      <ol>
        {buckets.map(({ upToMs, count }, at) => {
          const label = upToMs === null ? `over ${lower(buckets, at)}` : formatDuration(upToMs);
          return (
            <li key={label} title={`${label}: ${formatCount(count)}`}>
              <svg viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">
                <rect
                  y={100 - (count / highest) * 100}
                  width="10"
                  height={(count / highest) * 100}
                />
              </svg>
              <span class="hidden">
                {label}: {formatCount(count)}
              </span>
            </li>
          );
        })}
      </ol>
      <figcaption class="quiet">
        <span>0</span>
        <span>{lower(buckets, buckets.length - 1)} and more</span>
      </figcaption>
    </figure>
  );
}

/** The bound of the bucket that holds it: the truth is at most that. */
function quantile(buckets: Buckets, wanted: number): string {
  let sum = 0;
  for (const [at, { upToMs, count }] of buckets.entries()) {
    sum += count;
    if (sum >= wanted) {
      return upToMs === null ? `> ${lower(buckets, at)}` : `≤ ${formatDuration(upToMs)}`;
    }
  }
  return '–';
}

function lower(buckets: Buckets, at: number): string {
  return formatDuration(buckets[at - 1]?.upToMs ?? 0);
}
