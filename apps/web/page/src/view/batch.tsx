import { formatBytes, formatCount, formatPercent, formatRate } from '@fetchfleet/crawl/units';
import type { BatchDetail, FleetDocument, WatchedBatch } from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { useRead } from '../api/use-read.ts';
import { BatchActions } from '../batch/batch-actions.tsx';
import { Failures } from '../batch/failures.tsx';
import { Histogram } from '../chart/histogram.tsx';
import { OriginTable } from '../part/origin-table.tsx';
import { Outcome, State } from '../batch/outcome.tsx';
import { Progress } from '../batch/progress.tsx';
import { RateChart } from '../chart/rate-chart.tsx';
import { Ago, Clock, now, whole } from '../part/time.tsx';
import { to } from '../route/route.ts';

interface BatchProps {
  readonly id: string;
  readonly fleet: FleetDocument;
}

/** How far is my batch, and what went wrong? */
export function Batch({ id, fleet }: BatchProps) {
  const detail = useLive<BatchDetail>(`batch:${encodeURIComponent(id)}`);
  const known = useRead<BatchDetail>(`batches/${encodeURIComponent(id)}`);
  const { batch, slices, latency, records, history, origins, events } = detail ?? known.value ?? {};
  if (batch === undefined) {
    return known.error === undefined ? null : (
      <p class="empty" role="alert">
        {known.error.message}
      </p>
    );
  }
  const hasFailed = batch.failed > 0;
  return (
    <>
      <div class="title">
        <h1 class="id">{batch.batch}</h1>
        <State state={batch.state} />
        <Since batch={batch} />
        {!fleet.readOnly && <BatchActions batch={batch} />}
        {fleet.hasResults && <Exports id={id} />}
      </div>
      <Summary batch={batch} />
      <div class="charts">
        <section aria-label="Rate over time">
          <h2>Rate</h2>
          {history == null ? <p class="quiet">Nothing yet.</p> : <RateChart series={history} />}
        </section>
        <section aria-label="Latency">
          <h2>Latency</h2>
          {latency == null ? (
            <p class="quiet">
              {records?.kind === 'elsewhere' ? 'Shown when the records are here.' : 'Nothing yet.'}
            </p>
          ) : (
            <Histogram buckets={latency} />
          )}
        </section>
      </div>
      {hasFailed && fleet.hasResults && (
        <Failures batch={batch} source={records ?? null} canChange={!fleet.readOnly} />
      )}
      {origins !== undefined && origins.length > 0 && (
        <section aria-label="Origins at work">
          <h2>Origins at work</h2>
          <OriginTable origins={origins} canChange={false} />
        </section>
      )}
      {slices !== undefined && (
        <p class="facts quiet">
          slices: {formatCount(slices.running)} running · {formatCount(slices.queued)} queued ·{' '}
          {formatCount(slices.deferred)} deferred · {formatCount(slices.retrying)} retrying
        </p>
      )}
      {events !== undefined && events.length > 0 && (
        <section aria-label="What happened">
          <h2>What happened</h2>
          <ol class="events">
            {events.map(({ at, text, by }) => (
              <li key={`${at} ${text}`}>
                <Clock at={at} /> {text}
                {by !== null && <span class="quiet"> by {by}</span>}
              </li>
            ))}
          </ol>
        </section>
      )}
      <details>
        <summary>Crawl file</summary>
        <p>
          <code>{batch.source === '' ? 'unknown' : batch.source}</code>
        </p>
      </details>
    </>
  );
}

function Since({ batch }: { readonly batch: WatchedBatch }) {
  const { finishedAt, cancelledAt, pausedAt, startedAt, createdAt } = batch;
  const [word, at] =
    finishedAt === null
      ? cancelledAt === null
        ? pausedAt === null
          ? startedAt === null
            ? ['waits for a worker since', createdAt]
            : ['started', startedAt]
          : ['paused', pausedAt]
        : ['cancelled', cancelledAt]
      : ['finished', finishedAt];
  return (
    <span class="quiet">
      {word} <Ago at={at} />
    </span>
  );
}

function Summary({ batch }: { readonly batch: WatchedBatch }) {
  const { settled, total, paceNow, leftMs, outcomes, bytes, pages, retries, missingSecrets } =
    batch;
  const isOver = batch.state === 'finished' || batch.state === 'cancelled';
  const found = Object.entries(outcomes).filter(([, count]) => count > 0);
  const rate = isOver ? batch.fetchesPerSecond : paceNow;
  return (
    <section class="summary" aria-label="Progress">
      <Progress {...batch} />
      <p class="counts">
        <strong>{formatPercent(settled, total)}</strong>
        <span>
          {formatCount(settled)} of {formatCount(total)}
        </span>
        {rate !== null && <span>{formatRate(rate)}</span>}
        {leftMs !== null && (
          <span>
            through in {whole(leftMs)} <span class="quiet">({endOf(leftMs)})</span>
          </span>
        )}
      </p>
      <p class="counts">
        {found.map(([outcome, count]) => (
          <a
            key={outcome}
            href={to(['batches', batch.batch, 'records'], { outcome })}
            class="outcome"
          >
            <Outcome outcome={outcome} /> {formatCount(count)}
          </a>
        ))}
        <span class="quiet">received {formatBytes(bytes)}</span>
        {pages !== null && <span class="quiet">{formatCount(pages)} pages</span>}
        {retries > 0 && <span class="quiet">retried {retries}×</span>}
      </p>
      {missingSecrets.length > 0 && (
        <p class="problem" role="alert">
          ▲ No worker may send {missingSecrets.join(', ')}: the fetches that need it fail.
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

function Exports({ id }: { readonly id: string }) {
  const path = `api/batches/${encodeURIComponent(id)}/export`;
  return (
    <details class="menu">
      <summary class="button">
        Export <span aria-hidden="true">▾</span>
      </summary>
      <div>
        {['ndjson', 'csv', 'parquet'].map((format) => (
          <a key={format} href={`${path}?format=${format}`} download>
            {format}
          </a>
        ))}
      </div>
    </details>
  );
}
