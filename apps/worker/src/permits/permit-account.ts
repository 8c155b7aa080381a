import type { PermitRequest, Permits } from './permits.ts';

/**
 * One origin's share of the worker's permits, and the only count of its fetches in flight:
 *
 *     held = in hand (taken, not used yet) + scheduled (start promised) + in flight (started)
 */
export class PermitAccount {
  readonly #permits: Permits;
  #held = 0;
  #inHand = 0;
  #demand = 0;
  /** The request that has not been ended yet. */
  #request: PermitRequest | undefined;

  constructor(permits: Permits) {
    this.#permits = permits;
  }

  /** Permits of fetches in flight and of scheduled starts. */
  get committed(): number {
    return this.#held - this.#inHand;
  }

  /** See {@link Permits.areFree}. */
  get areFree(): boolean {
    return this.#permits.areFree;
  }

  /** Whether another origin waits for a permit. */
  get isAwaitedElsewhere(): boolean {
    return this.#permits.isAwaited(this.#request);
  }

  /** How many permits this origin can hold for a while if half of all are to stay free. */
  get sparable(): number {
    return this.#permits.sparable(this.#inHand);
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
    this.#inHand += permits;
    return permits;
  }

  /** Permits in hand become those of fetches in flight or of scheduled starts. */
  commit(permits: number): void {
    this.#inHand -= permits;
  }

  /** A fetch starts with a committed permit. */
  countStart(): void {
    this.#permits.lead.countStart();
  }

  /** Gives back permits in hand. */
  putBack(permits: number): void {
    this.#inHand -= permits;
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
}
