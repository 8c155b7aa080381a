const REMEMBERED_SECONDS = 600;

/** What has been asked for so far. Only `/country/…` counts. */
export interface Stats {
  readonly requests: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests waiting for their answer. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  readonly maxPerSecond: number;
  /** Arrivals in each second of the wall clock of the last ten minutes, seconds since the epoch; empty seconds are left out. */
  readonly perSecond: readonly { readonly second: number; readonly arrivals: number }[];
}

/** Counts requests as they come and go. */
export class Traffic {
  readonly #statuses = new Map<number, number>();
  readonly #seconds = new Map<number, number>();
  #requests = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  #maxPerSecond = 0;

  /** @returns how many have arrived in this second, with this one */
  arrive(nowMs: number): number {
    this.#requests += 1;
    this.#inFlight += 1;
    if (this.#inFlight > this.#maxInFlight) this.#maxInFlight = this.#inFlight;
    const second = Math.floor(nowMs / 1_000);
    const arrivals = (this.#seconds.get(second) ?? 0) + 1;
    this.#seconds.set(second, arrivals);
    if (arrivals > this.#maxPerSecond) this.#maxPerSecond = arrivals;
    if (arrivals === 1) this.#forget();
    return arrivals;
  }

  /** @param status undefined where the client went away before its answer */
  leave(status?: number): void {
    this.#inFlight -= 1;
    if (status !== undefined) this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
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
      if (this.#seconds.size <= REMEMBERED_SECONDS) return;
      this.#seconds.delete(second);
    }
  }
}
