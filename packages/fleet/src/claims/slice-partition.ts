import {
  packSlice,
  type PendingFetch,
  SEVERAL_ORIGINS,
  type Slice,
  unpackSlice,
} from '@fetchfleet/crawl';
import type { ClaimedSlice, SlicePart } from './claimed-slice.ts';
import { partId } from '../queue/slice-scan.ts';

/** When what could not be taken out of its slice is tried again. */
const AFTER_ERROR_MS = 5_000;

/**
 * A claimed slice of several origins, as one claimed slice for each: no origin waits for another.
 *
 *     part ─┬─ complete ─────────▶ nothing is left of it
 *           ├─ drop ─────────────▶ goes with the whole, as all of it is of one batch
 *           └─ delay, give back ─▶ a slice of its own in the queue, at once
 *
 * The owner ends every part, and then calls {@link end}. What a dead worker leaves behind is what
 * is left of the whole.
 */
export class SlicePartition {
  readonly #claim: ClaimedSlice;
  readonly #batch: string;
  /** What has not ended, by origin. */
  readonly #left: Map<string, readonly PendingFetch[]>;
  #rejection: Error | undefined;
  #isTakenApart = false;
  #isDropped = false;

  /** @param fetches of the slice, by origin */
  constructor(
    claim: ClaimedSlice,
    batch: string,
    fetches: ReadonlyMap<string, readonly PendingFetch[]>,
  ) {
    this.#claim = claim;
    this.#batch = batch;
    this.#left = new Map(fetches);
  }

  part(origin: string): ClaimedSlice {
    const fetches = this.#left.get(origin) ?? [];
    const id = partId(this.#claim.id, Math.min(...fetches.map(({ index }) => index)));
    return {
      id,
      data: undefined,
      redeliveries: 0,
      lostInVain: async () => 0,
      lost: this.#claim.lost,
      complete: async () => {
        this.#left.delete(origin);
      },
      drop: async (slice) => {
        this.#left.set(origin, unpackSlice(slice));
        this.#isDropped = true;
      },
      delay: async (slice, dueInMs) => this.#takeOut(origin, { id, slice, dueInMs }),
      giveBack: async (slice) => this.#takeOut(origin, { id, slice, dueInMs: undefined }),
      reject: async (reason) => {
        this.#rejection ??= reason;
      },
      split: async () => false,
    };
  }

  /**
   * Ends the claim. Parts that could not be taken out stay together, and are tried again, unless
   * their batch is cancelled.
   */
  async end(): Promise<void> {
    if (this.#isTakenApart) {
      return;
    }
    const rest = this.#rest();
    if (this.#rejection !== undefined) {
      await this.#claim.reject(this.#rejection);
    } else if (rest === undefined) {
      await this.#claim.complete();
    } else if (this.#isDropped) {
      await this.#claim.drop(rest, AFTER_ERROR_MS);
    } else {
      await this.#claim.delay(rest, AFTER_ERROR_MS);
    }
  }

  async #takeOut(origin: string, part: SlicePart): Promise<void> {
    this.#left.delete(origin);
    const rest = this.#rest();
    let isOut = false;
    try {
      isOut = await this.#claim.split(part, rest);
    } finally {
      if (!isOut) {
        this.#left.set(origin, unpackSlice(part.slice));
      }
    }
    this.#isTakenApart ||= isOut && rest === undefined;
  }

  #rest(): Slice | undefined {
    const fetches = [...this.#left.values()].flat();
    return fetches.length === 0 ? undefined : packSlice(this.#batch, SEVERAL_ORIGINS, fetches);
  }
}
