import { formatBytes, formatCount, formatPercent, formatRate } from '@fetchfleet/crawl/units';
import type { WatchedBatch } from '../../../src/api/documents.ts';
import { now, whole } from '../part/time.tsx';
import { to } from '../route/route.ts';
import { Outcome } from './outcome.tsx';
import { Progress } from './progress.tsx';

/** How far a batch is. Counts lead to their records. */
export function Summary({ batch }: { readonly batch: WatchedBatch }) {
  const { settled, total, paceNow, leftMs, outcomes, bytes, pages, retries, missingSecrets } =
    batch;
  const { retriedAttempts, throttledAttempts } = batch;
  const isOver = batch.state === 'finished' || batch.state === 'cancelled';
  const found = Object.entries(outcomes).filter(([, count]) => count > 0);
  const rate = isOver ? batch.fetchesPerSecond : paceNow;
  const records = ['batches', batch.batch, 'records'];
  return (
    <section class="summary" aria-label="Progress">
      <Progress {...batch} />
      <p class="counts">
        <strong>{formatPercent(settled, total)}</strong>
        <a class="outcome" href={to(records)}>
          {formatCount(settled)} of {formatCount(total)}
        </a>
        {rate !== null && <span>{formatRate(rate)}</span>}
        {leftMs !== null && (
          <span>
            through in {whole(leftMs)} <span class="quiet">({endOf(leftMs)})</span>
          </span>
        )}
      </p>
      <p class="counts">
        {found.map(([outcome, count]) => (
          <a key={outcome} href={to(records, { outcome })} class="outcome">
            <Outcome outcome={outcome} /> {formatCount(count)}
          </a>
        ))}
        <span class="quiet">received {formatBytes(bytes)}</span>
        {pages !== null && <span class="quiet">{formatCount(pages)} pages</span>}
        {retriedAttempts > 0 && (
          <span class="quiet" title="Attempts that have failed and were repeated">
            retried {formatCount(retriedAttempts)}
          </span>
        )}
        {throttledAttempts > 0 && (
          <span class="quiet" title="Attempts that an origin has refused; they cost nothing">
            throttled {formatCount(throttledAttempts)}
          </span>
        )}
        {retries > 0 && (
          <span class="quiet">
            failures fetched again {retries === 1 ? 'once' : `${formatCount(retries)} times`}
          </span>
        )}
      </p>
      {missingSecrets.length > 0 && (
        <p class="problem" role="alert">
          ▲ No worker may send {missingSecrets.join(', ')} (<code>--secrets</code>): the batch waits
          for one that may.
        </p>
      )}
    </section>
  );
}

/** `06:04` */
function endOf(leftMs: number): string {
  const end = new Date(now.value + leftMs);
  return leftMs > 20 * 3_600_000
    ? end.toLocaleString('en-GB', { dateStyle: 'short', timeStyle: 'short' })
    : end.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
