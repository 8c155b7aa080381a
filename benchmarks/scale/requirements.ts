import { BODY_BYTES } from './costs.ts';
import type { Day } from './simulated.ts';
import { type Family, slopeOf, type Slopes } from './slopes.ts';

/** How far machines are filled: the rest is for peaks, failures and rolling restarts. */
const FILLED = { cores: 0.6, redis: 0.5, memory: 0.7 } as const;
/** A machine for workers. */
const MACHINE = { cores: 8, memoryBytes: 32e9 } as const;
/** Request and answer headers, TLS and TCP, besides the body. */
const OVERHEAD_BYTES = 3_000;
/** Of the bodies that the slopes were measured with. */
const SMALL_BODY_BYTES = 213;
const SECONDS_PER_DAY = 86_400;
const HOURS_PER_DAY = 24;

/** Examples of prices, to be replaced by those of the reader, in any currency. */
export const PRICES = {
  coreHour: 0.04,
  memoryGigabyteHour: 0.005,
  storedGigabyteMonth: 0.02,
} as const;

/** What a day takes, for its busiest half hour. */
export interface Requirements {
  readonly pace: number;
  readonly inFlight: number;
  readonly workerCores: number;
  readonly workerMemoryBytes: number;
  readonly machines: number;
  readonly descriptors: number;
  readonly redisCores: number;
  readonly shards: number;
  readonly redisMemoryBytes: number;
  readonly redisBitsPerSecond: number;
  readonly networkBitsPerSecond: number;
  readonly diskBytesPerDay: number;
  readonly diskBytesPerSecond: number;
  /** Of one day. */
  readonly computeCost: number;
  /** Of keeping the records of one day for a month. */
  readonly storageCost: number;
}

export interface Size {
  readonly origins: number;
  /** Batches whose plans are in Redis. */
  readonly batches: number;
}

export function requirementsOf(day: Day, slopes: Slopes, { origins, batches }: Size): Requirements {
  const { pace, inFlight, workerCores, redisCores } = day.busiest;
  const of = (per: Family['per'], figure: string): number => slopeOf(slopes, per, figure);
  const processes = Math.ceil(workerCores / FILLED.cores);
  const workerMemoryBytes =
    processes * of('worker second', 'residentBytes') +
    inFlight * Math.max(of('fetch in flight', 'residentBytes'), BODY_BYTES * 3);
  const shards = Math.ceil(redisCores / FILLED.redis);
  const redisMemoryBytes =
    (day.mostPending * of('pending fetch', 'redisBytes') +
      origins * of('origin', 'redisBytes') +
      batches * of('batch', 'redisBytes')) /
    FILLED.memory;
  const recordBytes = of('fetch', 'diskBytes') - SMALL_BODY_BYTES + BODY_BYTES;
  const diskBytesPerDay = day.done * recordBytes;
  const cores = workerCores / FILLED.cores + shards;
  const gigabytes = (workerMemoryBytes / FILLED.memory + redisMemoryBytes) / 1e9;
  return {
    pace,
    inFlight,
    workerCores,
    workerMemoryBytes,
    machines: Math.max(
      Math.ceil(processes / MACHINE.cores),
      Math.ceil(workerMemoryBytes / FILLED.memory / MACHINE.memoryBytes),
    ),
    descriptors: processes * of('worker second', 'descriptors') + inFlight,
    redisCores,
    shards,
    redisMemoryBytes,
    redisBitsPerSecond: pace * of('paced fetch', 'networkBytes') * 8,
    networkBitsPerSecond: pace * (BODY_BYTES + OVERHEAD_BYTES) * 8,
    diskBytesPerDay,
    diskBytesPerSecond: diskBytesPerDay / SECONDS_PER_DAY,
    computeCost: HOURS_PER_DAY * (cores * PRICES.coreHour + gigabytes * PRICES.memoryGigabyteHour),
    storageCost: (diskBytesPerDay / 1e9) * PRICES.storedGigabyteMonth,
  };
}
