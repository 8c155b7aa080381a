/** A fetch without a record. */
export interface PendingFetch {
  readonly index: number;
  /** One value per parameter, in the order of the plan. */
  readonly values: readonly string[];
  /** Attempts used so far. */
  readonly attempts: number;
  /** Earliest start in epoch milliseconds; 0 is now. */
  readonly dueAt: number;
  /** Epoch milliseconds since which the origin has refused the fetch; 0 if it has not. */
  readonly throttledSince: number;
}

/**
 * One job: up to 50 fetches of one batch and one origin, packed for Redis.
 *
 *     ranges   [17, 3, 40, 1]                  indexes 17 18 19 40, as pairs of first and count
 *     columns  ["kenya", ["1","2","3","4"]]    one per parameter; a bare string is for all
 *     state    [[2, 0, 1732320000000, 0], …]   position, attempts, dueAt, throttledSince;
 *                                              fresh fetches are left out
 */
export interface Slice {
  readonly batch: string;
  readonly origin: string;
  readonly ranges: readonly number[];
  readonly columns: readonly (string | readonly string[])[];
  readonly state?: readonly (readonly [number, number, number, number])[];
  /** Position in the waitlist of its origin; absent if the slice was never deferred. */
  readonly ticket?: number;
}

/** Maximum number of fetches in a slice. */
export const MAX_SLICE = 50;
