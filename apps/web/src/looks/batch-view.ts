import {
  type BatchEvent as LedgerEvent,
  type BatchStatus,
  countSlices,
  type FleetKeys,
  type HistorySample,
  type LedgerReader,
  originDocument,
  type Origins,
  type OriginStatus,
  ratesOf,
  someSlices,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import type { BatchDetail, BatchEvent, SlicesDocument } from '../api/documents.ts';
import { Look } from './look.ts';
import type { OriginList } from './origin-list.ts';
import { type Watched, watchedDocument } from './watched-batch.ts';

const MAX_ORIGINS = 20;
/** Asks hundreds of origins whether the batch is there. */
const USED_EVERY_MS = 3_000;
/** Reads samples of the queue. */
const SLICES_EVERY_MS = 3_000;
/** Reads 2 MiB of records. */
const RECORDS_EVERY_MS = 5_000;

export interface BatchViewOptions {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly ledger: Pick<LedgerReader, 'events'>;
  readonly origins: Pick<Origins, 'usedBy'>;
  readonly originList: OriginList;
  readonly history: Look<readonly HistorySample[]>;
  /** How its records can be read, and how long its last fetches took. */
  readonly records: (batch: string) => Promise<Pick<BatchDetail, 'records' | 'latency'>>;
}

/** What the view of one batch is made of, each part read as often as it changes. */
export class BatchSources {
  readonly #batch: string;
  readonly #options: BatchViewOptions;
  readonly #slices: Look<BatchDetail['slices']>;
  /** Names of the origins that it works on. */
  readonly #used: Look<readonly string[]>;
  readonly #records: Look<Pick<BatchDetail, 'records' | 'latency'>>;

  constructor(batch: string, options: BatchViewOptions) {
    const { redis, keys, origins, originList, records } = options;
    this.#batch = batch;
    this.#options = options;
    this.#slices = new Look({
      read: async () => countSlices(redis, keys, batch),
      everyMs: SLICES_EVERY_MS,
    });
    this.#used = new Look({
      read: async () => {
        const all = await originList.all();
        const used = await origins.usedBy(
          batch,
          all.map(({ origin }) => origin),
        );
        return used.slice(0, MAX_ORIGINS);
      },
      everyMs: USED_EVERY_MS,
    });
    this.#records = new Look({ read: async () => records(batch), everyMs: RECORDS_EVERY_MS });
  }

  async detail(watched: Watched): Promise<BatchDetail> {
    const [slices, origins, samples, records, events] = await Promise.all([
      this.#slices.get(),
      this.#originsAtWork(watched.status),
      this.#options.history.get(),
      this.#records.get(),
      this.#options.ledger.events(this.#batch),
    ]);
    const series = ratesOf(samples, ({ batches }) => batches[this.#batch], Date.now());
    return {
      batch: watchedDocument(watched),
      slices,
      ...records,
      history: series.values.every((value) => value === null) ? null : series,
      origins: origins.map(originDocument),
      events: (events ?? []).map(eventOf),
    };
  }

  async #originsAtWork({ state }: BatchStatus): Promise<readonly OriginStatus[]> {
    return state === 'finished' || state === 'cancelled'
      ? []
      : this.#options.originList.some(await this.#used.get());
  }
}

/** Slices of each state that are listed. */
const MAX_SLICES = 20;

/** Slices of a batch that are not done. */
export async function slicesOf(
  { redis, keys }: Pick<BatchViewOptions, 'redis' | 'keys'>,
  batch: string,
): Promise<SlicesDocument> {
  const found = await someSlices(redis, keys, { batch, list: MAX_SLICES });
  return {
    slices: found.map(({ state, slice: { origin, ranges } }) => {
      const pairs = pairsOf(ranges);
      return {
        state,
        origin,
        fetches: pairs.reduce((sum, [, count]) => sum + count, 0),
        indexes: pairs.map(textOfRange).join(','),
      };
    }),
  };
}

function pairsOf(ranges: readonly number[]): (readonly [first: number, count: number])[] {
  return Array.from({ length: ranges.length / 2 }, (_, at) => [
    ranges[2 * at] ?? 0,
    ranges[2 * at + 1] ?? 0,
  ]);
}

function textOfRange([first, count]: readonly [first: number, count: number]): string {
  return count === 1 ? String(first) : `${first}-${first + count - 1}`;
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
