import type { PermitRequest, Permits } from './permits.ts';

/**
 * One origin's share of the worker's permits, and the only count of its fetches in flight:
 *
 *     held      = in hand (taken, not used yet) + in flight (started) + scheduled (start promised)
 *     committed = in flight + scheduled + promised without a permit
 *
 * Where permits are plentiful, starts are promised without: each takes one when its time has come,
 * and meanwhile others use it.
 */
export class PermitAccount {
  readonly #permits: Permits;
  #held = 0;
  #inHand = 0;
  /** Promised starts that hold no permit. */
  #promised = 0;
  #demand = 0;
  /** The request that has not been ended yet. */
  #request: PermitRequest | undefined;

  constructor(permits: Permits) {
    this.#permits = permits;
  }

  /** Fetches in flight and scheduled starts. */
  get committed(): number {
    return this.#held - this.#inHand + this.#promised;
  }

  /** See {@link Permits.areFree}. */
  get areFree(): boolean {
    return this.#permits.areFree;
  }

  /** Whether another origin waits for a permit. */
  get isAwaitedElsewhere(): boolean {
    return this.#permits.isAwaited(this.#request);
  }

  /** See {@link Permits.sparable}. */
  get sparable(): number {
    return this.#permits.sparable;
  }

  request(most: number): PermitRequest {
    this.#request = this.#permits.request(most);
    return this.#request;
  }

  /** Ends a request. @returns the permits that are in hand now */
  take(request: PermitRequest): number {
    const permits = request.end();
    this.#request = undefined;
    this.#held += permits;
    this.#addInHand(permits);
    return permits;
  }

  /** Permits in hand become those of fetches in flight or of scheduled starts. */
  commit(permits: number): void {
    this.#addInHand(-permits);
  }

  /** Starts are promised for which there are no permits yet. */
  promise(starts: number): void {
    this.#promised += starts;
  }

  /** The time of a promised start has come. @returns false if no permit is free for it */
  redeem(): boolean {
    this.#promised -= 1;
    const isTaken = this.#permits.take();
    this.#held += isTaken ? 1 : 0;
    return isTaken;
  }

  /** A promised start is not made. */
  breakPromise(): void {
    this.#promised -= 1;
  }

  /** A fetch starts with a committed permit. */
  countStart(): void {
    this.#permits.lead.countStart();
  }

  /** Gives back permits in hand. */
  putBack(permits: number): void {
    this.#addInHand(-permits);
    this.release(permits);
  }

  /** Gives back committed permits. */
  release(permits: number): void {
    this.#held -= permits;
    this.#permits.release(permits);
  }

  /** @param fetches how many wait for a permit */
  setDemand(fetches: number): void {
    this.#permits.addDemand(fetches - this.#demand);
    this.#demand = fetches;
  }

  #addInHand(permits: number): void {
    this.#inHand += permits;
    this.#permits.addInHand(permits);
  }
}
