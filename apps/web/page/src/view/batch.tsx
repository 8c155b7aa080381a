import type { BatchDetail, FleetDocument, WatchedBatch } from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { useRead } from '../api/use-read.ts';
import { BatchActions, canRetry } from '../batch/batch-actions.tsx';
import { CrawlFile } from '../batch/crawl-file.tsx';
import { Failures } from '../batch/failures.tsx';
import { State } from '../batch/outcome.tsx';
import { Slices } from '../batch/slices.tsx';
import { Summary } from '../batch/summary.tsx';
import { Histogram } from '../chart/histogram.tsx';
import { whyNoRate } from '../batch/no-rate.ts';
import { RateChart } from '../chart/rate-chart.tsx';
import { OriginTable } from '../part/origin-table.tsx';
import { Ago, Clock, now } from '../part/time.tsx';
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
  const isOver = batch.state === 'finished' || batch.state === 'cancelled';
  return (
    <>
      <div class="title">
        <h1 class="id">{batch.batch}</h1>
        <State state={batch.interrupted ? 'interrupted' : batch.state} />
        <Since batch={batch} />
        <BatchActions batch={batch} fleet={fleet} />
      </div>
      <Summary batch={batch} />
      <div class="charts">
        <section aria-label="Rate over time">
          <h2>Rate</h2>
          {history == null ? (
            <p class="quiet">{whyNoRate(batch, now.value)}</p>
          ) : (
            <RateChart series={history} />
          )}
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
      {batch.failed > 0 && fleet.hasResults && (
        <Failures
          batch={batch}
          source={records ?? null}
          canRetry={!fleet.readOnly && canRetry(batch)}
        />
      )}
      {origins !== undefined && origins.length > 0 && (
        <section aria-label="Origins at work">
          <h2>Origins at work</h2>
          <OriginTable origins={origins} canChange={false} />
        </section>
      )}
      {events !== undefined && events.length > 0 && <WhatHappened events={events} />}
      <div class="folds">
        <CrawlFile key={id} id={id} />
        {slices !== undefined && !isOver && <Slices key={`slices ${id}`} id={id} counts={slices} />}
      </div>
    </>
  );
}

function WhatHappened({ events }: Pick<BatchDetail, 'events'>) {
  return (
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
  );
}

/** Since when it is in its state, and what has started it. */
function Since({ batch }: { readonly batch: WatchedBatch }) {
  const { finishedAt, cancelledAt, pausedAt, startedAt, createdAt, schedule } = batch;
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
      {schedule !== null && (
        <>
          , by the schedule <a href={to(['schedules'], { open: schedule })}>{schedule}</a>
        </>
      )}
    </span>
  );
}
