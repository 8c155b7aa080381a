import {
  type BatchEvent as LedgerEvent,
  type BatchStatus,
  countSlices,
  type FleetKeys,
  type HistorySample,
  type Ledger,
  originDocument,
  type Origins,
  type OriginStatus,
  ratesOf,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import type { BatchDetail, BatchEvent } from '../api/documents.ts';
import { unwatchedDocument, type Watched, watchedDocument } from './watched-batch.ts';

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
  /** How its records can be read, and how long its last fetches took. */
  readonly records: (batch: string) => Promise<Pick<BatchDetail, 'records' | 'latency'>>;
  readonly ledger: Pick<Ledger, 'events'>;
}

/** The document of one batch. Costs Redis about 100 commands, whatever the batch. */
export async function batchDetail(
  { status, watched }: { readonly status: BatchStatus; readonly watched: Watched | undefined },
  sources: BatchViewSources,
): Promise<BatchDetail> {
  const { redis, keys, ledger } = sources;
  const { batch } = status;
  const [slices, origins, samples, records, events] = await Promise.all([
    countSlices(redis, keys, batch),
    originsAtWork(status, sources),
    sources.history(),
    sources.records(batch),
    ledger.events(batch),
  ]);
  const series = ratesOf(samples, ({ batches }) => batches[batch], Date.now());
  return {
    batch: watched === undefined ? unwatchedDocument(status) : watchedDocument(watched),
    slices,
    ...records,
    history: series.values.every((value) => value === null) ? null : series,
    origins: origins.map(originDocument),
    events: (events ?? []).map(eventOf),
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

/** In words; `by` is a person, a worker or a schedule. */
const TEXTS: Readonly<Record<LedgerEvent['event'], string>> = {
  created: 'enqueued',
  started: 'a worker took its first slice',
  paused: 'paused',
  resumed: 'resumed',
  cancelled: 'cancelled',
  retried: 'failures are fetched again',
  failures: 'a share of failures was reached',
  finished: 'finished',
  'not-told': 'a notification is lost',
};

function eventOf({ at, event, by, detail }: LedgerEvent): BatchEvent {
  const text = detail === undefined ? TEXTS[event] : `${TEXTS[event]}: ${detail}`;
  return { at: new Date(at).toISOString(), text, by: by ?? null };
}
