interface Waiter {
  readonly want: number;
  readonly resolve: (taken: number) => void;
}

/**
 * Counts fetches in flight. `take` hands out what is free rather than waiting for all that is wanted, so that no permit
 * idles while a slice could use it; waiters are served in the order they came.
 */
export class Permits {
  readonly #total: number;
  readonly #waiters: Waiter[] = [];
  readonly #roomWaiters: (() => void)[] = [];
  #free: number;
  #wanted = 0;

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  get inUse(): number {
    return this.#total - this.#free;
  }

  /** True while all permits are out, or enough fetches are waiting to take the next ones. */
  get isFull(): boolean {
    // A little more than fits is claimed, so that the permits of a slice that ends do not wait for a round trip to Redis.
    return this.#free === 0 ? this.#wanted >= Math.ceil(this.#total / 8) : this.#wanted > 0;
  }

  /** Between 1 and `want` permits, as soon as one is free. */
  async take(want: number): Promise<number> {
    if (this.#free > 0 && this.#waiters.length === 0) return this.#grant(want);
    this.#wanted += want;
    return new Promise((resolve) => {
      this.#waiters.push({ want, resolve });
    });
  }

  give(count: number): void {
    this.#free += count;
    while (this.#free > 0) {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) break;
      this.#wanted -= waiter.want;
      waiter.resolve(this.#grant(waiter.want));
    }
    if (!this.isFull) for (const wake of this.#roomWaiters.splice(0)) wake();
  }

  /** Resolves when another slice could be used. */
  async room(): Promise<void> {
    while (this.isFull) {
      await new Promise<void>((resolve) => {
        this.#roomWaiters.push(resolve);
      });
    }
  }

  #grant(want: number): number {
    const taken = Math.min(want, this.#free);
    this.#free -= taken;
    return taken;
  }
}
