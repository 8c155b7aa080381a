import type { LastReason } from '../outcome/last-reason.ts';
import type { Cursor } from '../pages/cursor.ts';
import type { KnownAnswer } from '../revalidate/validators.ts';

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
  /** Why its last attempt has failed; absent if none has. */
  readonly reason?: LastReason | undefined;
  /**
   * Where its pages stand; absent before the first one is durable. The ledger keeps it, and not the
   * slice.
   */
  readonly cursor?: Cursor;
  /** Its answer in an earlier batch; absent if none is known. */
  readonly known?: KnownAnswer | undefined;
}

/** A reason, and the positions in the slice of the fetches that have failed with it. */
export interface SharedReason extends LastReason {
  readonly positions: readonly number[];
}

/**
 * What is known of the answers to the fetches of a slice.
 *
 *     texts    ["covid-20260101-0000-abcd", "accept-encoding", "Thu, 01 Jan 2026 …"]
 *     answers  [[0, 0, 17, "hash", "etag", 2, 1], …]    position; batch and index of the body;
 *                                                       hash, etag, last-modified, vary
 *
 * Numbers of texts are -1 for none, because most of them are the same in a whole slice.
 */
export interface KnownInSlice {
  readonly texts: readonly string[];
  readonly answers: readonly KnownEntry[];
}

export type KnownEntry = readonly [
  position: number,
  batch: number,
  index: number,
  hash: string,
  etag: string,
  lastModified: number,
  vary: number,
];

/**
 * One job: up to 50 fetches of one batch, packed for Redis. They are of one origin, or few fetches
 * each of several origins: see {@link isMixed}.
 *
 *     ranges   [17, 3, 40, 1]                  indexes 17 18 19 40, as pairs of first and count
 *     columns  ["kenya", ["1","2","3","4"]]    one per parameter; a bare string is for all
 *     state    [[2, 0, 1732320000000, 0], …]   position, attempts, dueAt, throttledSince;
 *                                              fresh fetches are left out
 *     reasons  [{ outcome, code, message, positions: [2, 3] }]
 *                                              only of fetches that have failed: most of them for
 *                                              one reason, which is stored once
 */
export interface Slice {
  readonly batch: string;
  /** Empty where there are several: its worker reads them from the URLs. */
  readonly origin: string;
  readonly ranges: readonly number[];
  readonly columns: readonly (string | readonly string[])[];
  readonly state?: readonly (readonly [number, number, number, number])[];
  readonly reasons?: readonly SharedReason[];
  /** Only of batches that fetch what has changed. */
  readonly known?: KnownInSlice;
  /** Position in the waitlist of its origin; absent if the slice was never deferred. */
  readonly ticket?: number;
}

/** In place of an origin: the slice is of several. */
export const SEVERAL_ORIGINS = '';

/** Whether the fetches are of several origins. Each of these is treated as a slice of its own. */
export function isMixed({ origin }: Pick<Slice, 'origin'>): boolean {
  return origin === SEVERAL_ORIGINS;
}

/** Maximum number of fetches in a slice. */
export const MAX_SLICE = 50;
