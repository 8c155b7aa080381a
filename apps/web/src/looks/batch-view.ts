import {
  type BatchStatus,
  countSlices,
  type FleetKeys,
  type HistorySample,
  originDocument,
  type Origins,
  type OriginStatus,
  ratesOf,
  type WatchedBatch as Watched,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import type { BatchDetail, BatchEvent } from '../api/documents.ts';
import { unwatchedDocument, watchedDocument } from './watched-batch.ts';

/** Busy origins that are asked whether the batch is there. */
const MAX_ASKED = 50;
const MAX_ORIGINS = 20;

export interface BatchViewSources {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly origins: Pick<Origins, 'usedBy'>;
  /** The busiest first. */
  readonly busyOrigins: () => Promise<readonly OriginStatus[]>;
  readonly history: () => Promise<readonly HistorySample[]>;
  /** How long its last fetches took. */
  readonly latency: (batch: string) => Promise<BatchDetail['latency']>;
  /** What was done to the batch from this page. */
  readonly ownEvents: (batch: string) => readonly BatchEvent[];
}

/** The document of one batch. Costs Redis about 100 commands, whatever the batch. */
export async function batchDetail(
  { status, watched }: { readonly status: BatchStatus; readonly watched: Watched | undefined },
  sources: BatchViewSources,
): Promise<BatchDetail> {
  const { redis, keys, ownEvents } = sources;
  const { batch } = status;
  const [slices, origins, samples, latency] = await Promise.all([
    countSlices(redis, keys, batch),
    originsAtWork(status, sources),
    sources.history(),
    sources.latency(batch),
  ]);
  const series = ratesOf(samples, ({ batches }) => batches[batch], Date.now());
  return {
    batch: watched === undefined ? unwatchedDocument(status) : watchedDocument(watched),
    slices,
    latency,
    history: series.values.every((value) => value === null) ? null : series,
    origins: origins.map(originDocument),
    events: [...eventsOf(status), ...ownEvents(batch)].toSorted(
      (one, other) => Date.parse(one.at) - Date.parse(other.at),
    ),
  };
}

async function originsAtWork(
  { batch, state }: BatchStatus,
  { origins, busyOrigins }: BatchViewSources,
): Promise<readonly OriginStatus[]> {
  if (state === 'finished' || state === 'cancelled') {
    return [];
  }
  const asked = (await busyOrigins()).slice(0, MAX_ASKED);
  const used = new Set(
    await origins.usedBy(
      batch,
      asked.map(({ origin }) => origin),
    ),
  );
  return asked.filter(({ origin }) => used.has(origin)).slice(0, MAX_ORIGINS);
}

/** What its ledger knows of its past. */
function eventsOf(status: BatchStatus): BatchEvent[] {
  const { createdAt, startedAt, activeSince, pausedAt, cancelledAt, finishedAt, retries } = status;
  const again = retries > 0 ? `failures are fetched again (${retries}.)` : 'was resumed';
  const events: [string | undefined, string][] = [
    [createdAt, `was enqueued from ${status.source === '' ? 'a crawl file' : status.source}`],
    [startedAt, 'a worker took its first slice'],
    [activeSince === startedAt ? undefined : activeSince, again],
    [pausedAt, 'was paused'],
    [cancelledAt, 'was cancelled'],
    [finishedAt, 'finished'],
  ];
  return events.flatMap(([at, text]) => (at === undefined ? [] : [{ at, text, by: null }]));
}
