import type { Slice } from '@fetchfleet/crawl';

/** What is left of one origin's fetches. */
export interface SlicePart {
  readonly id: string;
  readonly slice: Slice;
  /** Undefined queues it now, before everything that is not claimed yet. */
  readonly dueInMs: number | undefined;
}

/**
 * A slice that this process has claimed. The owner must call exactly one of the five functions that
 * end the claim. All of them throw {@link ClaimLostError} once the claim is lost.
 */
export interface ClaimedSlice {
  readonly id: string;
  /** As found in the queue: not validated. */
  readonly data: unknown;
  /** How often a worker died while it had this slice. */
  readonly redeliveries: number;
  /**
   * How many workers died in a row while they had this slice, without getting any further.
   *
   * @param stand how far the slice is: a text that changes whenever anything of it is settled
   */
  lostInVain(stand: string): Promise<number>;
  /**
   * Aborts when the claim is lost: another worker has the slice, and this one must not touch it.
   */
  readonly lost: AbortSignal;
  /** Removes the job: every fetch is settled. */
  complete(): Promise<void>;
  /**
   * Removes the job if its batch is cancelled at this moment. Otherwise the batch was resumed, and
   * the rest is queued again after `dueInMs`.
   */
  drop(rest: Slice, dueInMs: number): Promise<void>;
  /** Queues the rest again after `dueInMs`, for any worker. */
  delay(rest: Slice, dueInMs: number): Promise<void>;
  /** Queues the rest again now, before everything that is not claimed yet. */
  giveBack(rest: Slice): Promise<void>;
  /** Rejects an invalid slice: it is kept among the failed jobs, with the reason. */
  reject(reason: Error): Promise<void>;
  /**
   * Makes a part of the slice a slice of its own. The claim goes on with what is left, and ends if
   * that is nothing.
   *
   * @returns false if there is such a part already, and nothing was changed
   */
  split(part: SlicePart, left: Slice | undefined): Promise<boolean>;
}
