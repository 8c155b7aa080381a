import type { Admission, StartGrant, WaitingSlice } from './waiting-slice.ts';

interface Waiter {
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The slices that wait in this worker for one origin. Those of dead workers and redirects within
 * the origin come first. The others take turns by batch, one fetch each, and slices of a batch
 * start in the order of their arrival:
 *
 *     first      c.50
 *     batches    a ─▶ a.0 a.50 a.100      a starts a fetch and goes behind b
 *                b ─▶ b.0
 *
 * A batch that comes has its turn after one fetch of each other batch, however many wait. A slice
 * with pages goes behind those of its batch with each start, because it may never have started all;
 * it comes first for its first pages only.
 */
export class AdmissionQueue implements Iterable<WaitingSlice> {
  readonly #waiters = new Map<WaitingSlice, Waiter>();
  readonly #first = new Set<WaitingSlice>();
  /** The batch whose turn is next comes first. */
  readonly #batches = new Map<string, Set<WaitingSlice>>();

  get size(): number {
    return this.#waiters.size;
  }

  /** Fetches of all slices that wait to start. */
  get waiting(): number {
    let sum = 0;
    for (const slice of this.#waiters.keys()) {
      sum += slice.waiting;
    }
    return sum;
  }

  /** The slices of each batch in the order of their turns. */
  *[Symbol.iterator](): Iterator<WaitingSlice> {
    yield* this.#first;
    for (const slices of this.#batches.values()) {
      yield* slices;
    }
  }

  /** Resolves when the slice leaves the queue. */
  async add(slice: WaitingSlice): Promise<Admission> {
    return new Promise((resolve, reject) => {
      this.#waiters.set(slice, { resolve, reject });
      if (slice.comesFirst) {
        this.#first.add(slice);
      } else {
        this.#addTurn(slice);
      }
    });
  }

  #addTurn(slice: WaitingSlice): void {
    const { batch } = slice.limits;
    const others = this.#batches.get(batch);
    if (others === undefined) {
      this.#batches.set(batch, new Set([slice]));
    } else {
      others.add(slice);
    }
  }

  /** Starts the next fetch. @returns false if none waits */
  startNext(grant: StartGrant): boolean {
    this.#moveServed();
    if (startFirst(this.#first, grant)) {
      return true;
    }
    for (const [batch, slices] of this.#batches) {
      if (startFirst(slices, grant)) {
        if (this.#batches.size > 1) {
          // A Map keeps the order in which its entries were added.
          this.#batches.delete(batch);
          this.#batches.set(batch, slices);
        }
        return true;
      }
    }
    return false;
  }

  /** Lets slices take turns that come first no longer. */
  #moveServed(): void {
    for (const slice of this.#first) {
      if (!slice.comesFirst) {
        this.#first.delete(slice);
        this.#addTurn(slice);
      } else if (slice.waiting > 0) {
        return;
      }
    }
  }

  /** Ends the wait of the slices that have nothing to start any more. */
  releaseStarted(): void {
    for (const slice of this.#waiters.keys()) {
      if (slice.waiting === 0) {
        this.#take(slice)?.resolve({ kind: 'started' });
      }
    }
  }

  /** Takes a slice out of the queue; its wait ends with the outcome of `deferral`. */
  remove(slice: WaitingSlice, deferral: Promise<Admission>): void {
    const waiter = this.#take(slice);
    if (waiter !== undefined) {
      deferral.then(waiter.resolve, waiter.reject);
    }
  }

  #take(slice: WaitingSlice): Waiter | undefined {
    const waiter = this.#waiters.get(slice);
    const { batch } = slice.limits;
    const slices = this.#batches.get(batch);
    this.#waiters.delete(slice);
    this.#first.delete(slice);
    slices?.delete(slice);
    if (slices?.size === 0) {
      this.#batches.delete(batch);
    }
    return waiter;
  }
}

/** Starts a fetch of the first slice that has one. @returns false if none has */
function startFirst(slices: Set<WaitingSlice>, grant: StartGrant): boolean {
  for (const slice of slices) {
    if (slice.waiting > 0) {
      if (slice.hasPages === true) {
        // A Set keeps the order in which its entries were added.
        slices.delete(slice);
        slices.add(slice);
      }
      slice.start(grant);
      return true;
    }
  }
  return false;
}
