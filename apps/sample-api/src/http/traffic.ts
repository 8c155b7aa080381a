const REMEMBERED_SECONDS = 600;

/** Counts of the requests for pages that have dials. */
export interface Stats {
  readonly requests: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that wait for their answer. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  readonly maxPerSecond: number;
  /**
   * Arrivals per second of the last ten minutes, by epoch second; seconds without any are left out.
   */
  readonly perSecond: readonly { readonly second: number; readonly arrivals: number }[];
}

/** Counts requests and answers. */
export class Traffic {
  readonly #statuses = new Map<number, number>();
  readonly #seconds = new Map<number, number>();
  #requests = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  #maxPerSecond = 0;

  /** @returns the number of arrivals in this second, this one included */
  arrive(nowMs: number): number {
    this.#requests += 1;
    this.#inFlight += 1;
    if (this.#inFlight > this.#maxInFlight) {
      this.#maxInFlight = this.#inFlight;
    }
    const second = Math.floor(nowMs / 1_000);
    const arrivals = (this.#seconds.get(second) ?? 0) + 1;
    this.#seconds.set(second, arrivals);
    if (arrivals > this.#maxPerSecond) {
      this.#maxPerSecond = arrivals;
    }
    if (arrivals === 1) {
      this.#forget();
    }
    return arrivals;
  }

  /** @param status undefined where the client closed the connection before its answer */
  leave(status?: number): void {
    this.#inFlight -= 1;
    if (status !== undefined) {
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    }
  }

  stats(): Stats {
    return {
      requests: this.#requests,
      statuses: Object.fromEntries(this.#statuses),
      inFlight: this.#inFlight,
      maxInFlight: this.#maxInFlight,
      maxPerSecond: this.#maxPerSecond,
      perSecond: [...this.#seconds].map(([second, arrivals]) => ({ second, arrivals })),
    };
  }

  #forget(): void {
    for (const second of this.#seconds.keys()) {
      if (this.#seconds.size <= REMEMBERED_SECONDS) {
        return;
      }
      this.#seconds.delete(second);
    }
  }
}
