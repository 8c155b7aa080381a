import type { Redis } from 'ioredis';
import { z } from 'zod';
import { LedgerReader } from '../ledger/ledger-reader.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { instantMs, type OnPassedOver, passOver, storedCount } from '../redis/stored-state.ts';
import { APPEND_SAMPLE } from './fleet-history.lua.ts';
import { Workers } from './workers.ts';

/** Between two samples. */
const EVERY_MS = 10_000;
/** One hour of samples. */
const MAX_SAMPLES = 360;
/** Two workers may think for a moment that they sample. */
const LEAST_GAP_MS = 8_000;
/** A longer gap between two samples is a gap in the series: nobody sampled. */
const LONGEST_GAP_MS = 25_000;
/** A sample holds as many batches, the newest that have not ended. */
const MAX_BATCHES = 20;

const count = z.number().int().nonnegative();

const storedSample = z.object({
  at: instantMs,
  settled: count,
  failed: count,
  inFlight: count,
  capacity: count,
  batches: z.record(z.string(), count).default({}),
});

const appendReply = z.object({ kept: z.boolean() });

/** The fleet at one moment. Counters never go down, except where Redis has lost them. */
export type HistorySample = Readonly<z.infer<typeof storedSample>>;

interface Append {
  readonly sample: Omit<HistorySample, 'at'>;
  readonly gapMs: number;
  readonly keep: number;
}

const script = new DocumentScript<Append, typeof appendReply>(APPEND_SAMPLE, appendReply);

/** Equally spaced values, the oldest first; null where nothing was sampled. */
export interface Series {
  readonly everyMs: number;
  /** When the last one ends, ISO 8601. */
  readonly endsAt: string;
  readonly values: readonly (number | null)[];
}

/**
 * The last hour of the fleet, in Redis: what the page of the fleet draws. One worker adds a sample
 * every ten seconds. It takes 30 kB, and 4 bytes and the length of its id for each unfinished batch
 * in a sample: at most 1.2 MB, with 20 batches whose ids have 128 characters.
 */
export class FleetHistory {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #ledger: LedgerReader;
  readonly #workers: Workers;
  readonly #onPassedOver: OnPassedOver;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#onPassedOver = onPassedOver;
    this.#ledger = new LedgerReader(redis, keys, onPassedOver);
    this.#workers = new Workers(redis, keys, onPassedOver);
  }

  /** Adds a sample of this moment, unless there is one of the last 8 s. */
  async append(): Promise<void> {
    const [totals, workers, unfinished] = await Promise.all([
      this.#totals(),
      this.#workers.list(),
      this.#ledger.unfinished(),
    ]);
    const alive = workers.filter(({ state }) => state !== 'gone');
    const sample = {
      ...totals,
      inFlight: alive.reduce((sum, { inFlight }) => sum + inFlight, 0),
      capacity: alive.reduce((sum, { concurrency }) => sum + concurrency, 0),
      batches: await this.#settledOf(unfinished.slice(0, MAX_BATCHES)),
    };
    const append = { sample, gapMs: LEAST_GAP_MS, keep: MAX_SAMPLES };
    await script.run(this.#redis, [this.#keys.history], append);
  }

  /** The samples of the last hour, the oldest first. One round trip. */
  async read(): Promise<HistorySample[]> {
    const stored = this.#redis.lrange(this.#keys.history, 0, MAX_SAMPLES - 1);
    const texts = (await passOver('the history of the fleet', stored, this.#onPassedOver)) ?? [];
    const samples = await Promise.all(
      texts.map(async (text) => passOver('a sample', sampleOf(text), this.#onPassedOver)),
    );
    return samples.filter((sample) => sample !== undefined).toReversed();
  }

  /** Fetches that were ever settled and failed, also those of removed batches. */
  async #totals(): Promise<Pick<HistorySample, 'settled' | 'failed'>> {
    const each = await Promise.all(
      this.#keys.shards.map(async ({ totals }) => this.#redis.hmget(totals, 'settled', 'failed')),
    );
    const sum = (at: 0 | 1): number => each.reduce((total, one) => total + countOf(one[at]), 0);
    return { settled: sum(0), failed: sum(1) };
  }

  async #settledOf(batches: readonly string[]): Promise<Record<string, number>> {
    // The client sends commands that are issued together in one pipeline.
    const counts = await Promise.all(
      batches.map(async (id) => this.#redis.hget(this.#keys.batch(id), 'settled')),
    );
    return Object.fromEntries(batches.map((id, at) => [id, countOf(counts[at])]));
  }
}

/**
 * How fast a counter has grown in each ten seconds of the last hour, per second.
 *
 * @param counterOf undefined where a sample does not have it
 */
export function ratesOf(
  samples: readonly HistorySample[],
  counterOf: (sample: HistorySample) => number | undefined,
  nowMs: number,
): Series {
  return seriesOf(samples, nowMs, (sample, before) => {
    const [from, to] = [counterOf(before), counterOf(sample)];
    const hasGrown = from !== undefined && to !== undefined && to >= from;
    return hasGrown ? ((to - from) / (sample.at - before.at)) * 1_000 : null;
  });
}

/** A value in each ten seconds of the last hour. */
export function valuesOf(
  samples: readonly HistorySample[],
  valueOf: (sample: HistorySample) => number,
  nowMs: number,
): Series {
  return seriesOf(samples, nowMs, valueOf);
}

/**
 * How much a counter has grown in the last hour, as far as it was sampled.
 *
 * @param counterOf undefined where a sample does not have it
 */
export function growthOf(
  samples: readonly HistorySample[],
  counterOf: (sample: HistorySample) => number,
): number {
  return samples.reduce((sum, sample, at) => {
    const before = samples[at - 1];
    const growth = before === undefined ? 0 : counterOf(sample) - counterOf(before);
    return sum + Math.max(0, growth);
  }, 0);
}

function seriesOf(
  samples: readonly HistorySample[],
  nowMs: number,
  valueOf: (sample: HistorySample, before: HistorySample) => number | null,
): Series {
  // Workers have the clock of Redis, and this process may have another one.
  const end = slotOf(Math.max(nowMs - EVERY_MS, samples.at(-1)?.at ?? 0));
  const values = Array.from({ length: MAX_SAMPLES }, (): number | null => null);
  for (const [at, sample] of samples.entries()) {
    const before = samples[at - 1];
    if (before === undefined || sample.at <= before.at) {
      continue;
    }
    if (sample.at - before.at > LONGEST_GAP_MS) {
      continue;
    }
    const value = valueOf(sample, before);
    for (let slot = slotOf(before.at) + 1; slot <= slotOf(sample.at); slot += 1) {
      const place = MAX_SAMPLES - 1 - (end - slot);
      if (place >= 0 && value !== null) {
        values[place] = Math.round(value * 100) / 100;
      }
    }
  }
  return { everyMs: EVERY_MS, endsAt: new Date((end + 1) * EVERY_MS).toISOString(), values };
}

function slotOf(ms: number): number {
  return Math.floor(ms / EVERY_MS);
}

async function sampleOf(text: string): Promise<HistorySample> {
  return storedSample.parse(JSON.parse(text));
}

/** What is no count is none: a rate is not worth an error. */
function countOf(text: string | null | undefined): number {
  return storedCount.safeParse(text).data ?? 0;
}
