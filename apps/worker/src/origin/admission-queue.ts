import type { Admission, StartGrant, WaitingSlice } from './waiting-slice.ts';

interface Waiter {
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The slices that wait in this worker for one origin, in the order of their arrival. Slices of dead
 * workers and redirects within the origin come first.
 */
export class AdmissionQueue implements Iterable<WaitingSlice> {
  readonly #waiters = new Map<WaitingSlice, Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  get first(): WaitingSlice | undefined {
    return this.#waiters.keys().next().value;
  }

  /** Fetches of all slices that wait to start. */
  get waiting(): number {
    let sum = 0;
    for (const slice of this.#waiters.keys()) {
      sum += slice.waiting;
    }
    return sum;
  }

  [Symbol.iterator](): Iterator<WaitingSlice> {
    return this.#waiters.keys();
  }

  /** Resolves when the slice leaves the queue. */
  async add(slice: WaitingSlice): Promise<Admission> {
    return new Promise((resolve, reject) => {
      const others = slice.comesFirst
        ? [...this.#waiters].filter(([other]) => !other.comesFirst)
        : [];
      this.#waiters.set(slice, { resolve, reject });
      // A Map keeps the order in which its entries were added.
      for (const [other, waiter] of others) {
        this.#waiters.delete(other);
        this.#waiters.set(other, waiter);
      }
    });
  }

  /** Starts the next fetch. @returns false if none waits */
  startNext(grant: StartGrant): boolean {
    for (const slice of this.#waiters.keys()) {
      if (slice.waiting > 0) {
        slice.start(grant);
        return true;
      }
    }
    return false;
  }

  /** Ends the wait of the slices that have nothing to start any more. */
  releaseStarted(): void {
    for (const [slice, { resolve }] of this.#waiters) {
      if (slice.waiting === 0) {
        this.#waiters.delete(slice);
        resolve({ kind: 'started' });
      }
    }
  }

  /** Takes a slice out of the queue; its wait ends with the outcome of `deferral`. */
  remove(slice: WaitingSlice, deferral: Promise<Admission>): void {
    const waiter = this.#waiters.get(slice);
    this.#waiters.delete(slice);
    if (waiter !== undefined) {
      deferral.then(waiter.resolve, waiter.reject);
    }
  }
}
