/** All origins, as columns: a million of them take 28 MB. */
export interface Origins {
  /** Fetches of each in the whole scenario. */
  readonly fetches: Int32Array;
  /** Seconds between two starts, by rate or crawl delay; 0 without a limit. */
  readonly spacing: Float64Array;
  /** Fetches in flight; 0 without a limit. */
  readonly inFlight: Float64Array;
  /** Mean seconds from the start of a fetch to its record. */
  readonly latency: Float64Array;
}

/** Something that goes wrong at one origin. Times in seconds. */
export interface Fault {
  /**
   * `down`: no connection. `refuse`: 429 or 503 with `Retry-After`. `slow`: ten times the latency.
   */
  readonly kind: 'down' | 'refuse' | 'slow';
  readonly origin: number;
  readonly at: number;
  readonly seconds: number;
}

/** A worker that dies, and one that replaces it. Times in seconds. */
export interface Death {
  readonly at: number;
  /** How long until another worker runs; Infinity if none replaces it. */
  readonly replacedAfter: number;
}

/** CPU time in microseconds, of the worker or of Redis. */
export interface Cost {
  /** A fetch among many of its origin, which share exchanges with the gate and connections. */
  readonly bulk: number;
  /** A fetch that waits for its turn at its origin, and so needs an exchange of its own. */
  readonly paced: number;
  /** The first fetch of an origin after a pause: gate, connection, DNS, TLS. */
  readonly visit: number;
  /** A second of a worker, whether it fetches or not. */
  readonly workerSecond: number;
}

export interface Scenario {
  readonly origins: Origins;
  readonly workers: number;
  /** Fetches in flight in each worker. */
  readonly concurrency: number;
  /** Fetches of each origin come in this many batches; each origin has its own phase. */
  readonly rounds: number;
  /** Seconds between two batches of an origin; 0 with one round: all come at the beginning. */
  readonly periodSeconds: number;
  /** The simulation ends here, finished or not. */
  readonly horizonSeconds: number;
  readonly stepSeconds: number;
  /** In the order of their times. */
  readonly faults: readonly Fault[];
  /** In the order of their times. */
  readonly deaths: readonly Death[];
  /** Fetches of a slice, which decide how much a dead worker holds. */
  readonly sliceSize: number;
  /** Instances of Redis among which batches are distributed. */
  readonly shards: number;
  readonly workerCost: Cost;
  readonly redisCost: Cost;
  readonly seed: number;
}

/** Microseconds of a second. */
export const MICROS = 1e6;

export const NO_COST: Cost = { bulk: 0, paced: 0, visit: 0, workerSecond: 0 };

/** @param isVisit whether the first of these fetches comes after a pause of its origin */
export function costOf(
  cost: Cost,
  fetches: number,
  { isPaced, isVisit }: { readonly isPaced: boolean; readonly isVisit: boolean },
): number {
  return fetches * (isPaced ? cost.paced : cost.bulk) + (isVisit ? cost.visit : 0);
}
