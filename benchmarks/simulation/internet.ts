import { heavyTail } from './heavy-tail.ts';
import { Random } from './random.ts';
import type { Cost, Death, Fault, Origins, Scenario } from './scenario.ts';

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;
const SLICE = 50;
const STEP_SECONDS = 60;

/** A day of fetching from very many origins. */
export interface InternetOptions {
  /** @default 1,000,000 */
  readonly origins?: number;
  /** @default 1,000,000,000 */
  readonly fetches?: number;
  /** Of Zipf's law. @default 1 */
  readonly exponent?: number;
  /** Fetches of one origin at most. @default no bound */
  readonly most?: number;
  /** @default 1,000 */
  readonly workers?: number;
  /** Fetches in flight in each worker. @default 100 */
  readonly concurrency?: number;
  /** Starts per second and origin. @default 1 */
  readonly rate?: number;
  /** @default 8 */
  readonly shards?: number;
  /** @default 1 */
  readonly seed?: number;
  readonly workerCost: Cost;
  readonly redisCost: Cost;
}

/** Shares of the origins that a day brings a fault to, and how long it lasts, on average. */
const FAULTS = [
  { kind: 'down', share: 0.02, seconds: HOUR_SECONDS / 2 },
  { kind: 'refuse', share: 0.01, seconds: HOUR_SECONDS / 6 },
  { kind: 'slow', share: 0.01, seconds: HOUR_SECONDS },
] as const;

/** One origin in ten asks for a crawl delay of ten seconds. */
const CRAWL_DELAY = { share: 0.1, seconds: 10 } as const;
/** Places at each origin. */
const IN_FLIGHT = 2;
/** Mean latencies of origins: half of them above 0.3 s, one in fifty above 1.6 s. */
const LATENCY = { median: 0.3, sigma: 0.8 } as const;
/** Every worker dies once a day, and another one runs a minute later. */
const REPLACED_AFTER_SECONDS = 60;
/** Every origin is in one batch an hour. */
const ROUNDS = 24;

export function internet(options: InternetOptions): Scenario {
  const { origins = 1_000_000, fetches = 1_000_000_000, exponent = 1, most, rate = 1 } = options;
  const { workers = 1_000, concurrency = 100, shards = 8, seed = 1 } = options;
  const random = new Random(seed);
  // Batches come in the order of the origins: large ones must not all be the first.
  const counts = random.shuffle(heavyTail(origins, fetches, exponent, most));
  return {
    origins: originsOf(counts, rate, random),
    workers,
    concurrency,
    rounds: ROUNDS,
    periodSeconds: HOUR_SECONDS,
    horizonSeconds: DAY_SECONDS,
    stepSeconds: STEP_SECONDS,
    faults: faultsOf(origins, random),
    deaths: deathsOf(workers, random),
    sliceSize: SLICE,
    shards,
    workerCost: options.workerCost,
    redisCost: options.redisCost,
    seed,
  };
}

function originsOf(fetches: Int32Array, rate: number, random: Random): Origins {
  const spacing = new Float64Array(fetches.length);
  const latency = new Float64Array(fetches.length);
  for (let origin = 0; origin < fetches.length; origin++) {
    const isSlow = random.uniform() < CRAWL_DELAY.share;
    spacing[origin] = isSlow ? Math.max(CRAWL_DELAY.seconds, 1 / rate) : 1 / rate;
    latency[origin] = random.logNormal(LATENCY.median, LATENCY.sigma);
  }
  return { fetches, spacing, latency, inFlight: new Float64Array(fetches.length).fill(IN_FLIGHT) };
}

function faultsOf(origins: number, random: Random): Fault[] {
  const faults = FAULTS.flatMap(({ kind, share, seconds }) =>
    Array.from({ length: Math.round(origins * share) }, (): Fault => ({
      kind,
      origin: random.below(origins),
      at: random.uniform() * DAY_SECONDS,
      seconds: random.exponential(seconds),
    })),
  );
  return faults.toSorted((a, b) => a.at - b.at);
}

function deathsOf(workers: number, random: Random): Death[] {
  const deaths = Array.from({ length: workers }, (): Death => ({
    at: random.uniform() * DAY_SECONDS,
    replacedAfter: REPLACED_AFTER_SECONDS,
  }));
  return deaths.toSorted((a, b) => a.at - b.at);
}
