/** A wish for permits: granted at once, later, or never, if it is ended before. */
export interface PermitRequest {
  readonly isGranted: boolean;
  /** Resolves when it is granted. */
  readonly granted: Promise<void>;
  /** Ends the request. @returns the permits it was granted, which are the caller's now; 0 if it was not */
  end(): number;
}

/** What somebody could use beyond what is free: it tells when claiming more makes no sense. */
export interface Demand {
  set(fetches: number): void;
}

class Request implements PermitRequest {
  readonly granted: Promise<void>;
  readonly want: number;
  readonly #withdraw: (request: Request) => void;
  readonly #resolve: () => void;
  #permits = 0;

  constructor(want: number, withdraw: (request: Request) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.granted = promise;
    this.want = want;
    this.#resolve = resolve;
    this.#withdraw = withdraw;
  }

  get isGranted(): boolean {
    return this.#permits > 0;
  }

  grant(permits: number): void {
    this.#permits = permits;
    this.#resolve();
  }

  end(): number {
    if (!this.isGranted) this.#withdraw(this);
    return this.#permits;
  }
}

/**
 * Counts fetches in flight in this worker. A request is granted what is free rather than waiting for all that is wanted,
 * so that no permit idles; requests are served in the order they came.
 */
export class Permits {
  readonly #total: number;
  readonly #requests: Request[] = [];
  readonly #roomWaiters: (() => void)[] = [];
  #free: number;
  #demand = 0;

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  get inUse(): number {
    return this.#total - this.#free;
  }

  /**
   * How many permits may be held for a while so that half of all are left for whatever else comes; 0 where it is fewer already.
   *
   * @param taken permits that the asker has just been granted and has not used yet
   */
  sparable(taken: number): number {
    return Math.max(0, this.#free + taken - Math.ceil(this.#total / 2));
  }

  /** Whether somebody waits for a permit. */
  get isAwaited(): boolean {
    return this.#requests.length > 0;
  }

  /** Fetches that could be used here, besides those that wait: for the permits that are free, or that will be in a moment. */
  get vacancies(): number {
    // More than fits is claimed, so that the permits of a slice that ends do not wait for a round trip to Redis: with an eighth more, 80 of 1,000 did.
    return Math.max(0, this.#free + Math.ceil(this.#total / 4) - this.#demand);
  }

  get isFull(): boolean {
    return this.vacancies === 0;
  }

  /** Between 1 and `want` permits, as soon as one is free. */
  request(want: number): PermitRequest {
    const request = new Request(want, (withdrawn) => {
      const at = this.#requests.indexOf(withdrawn);
      if (at !== -1) this.#requests.splice(at, 1);
    });
    if (this.#free > 0 && !this.isAwaited) this.#grant(request);
    else this.#requests.push(request);
    return request;
  }

  give(count: number): void {
    this.#free += count;
    while (this.#free > 0) {
      const request = this.#requests.shift();
      if (request === undefined) break;
      this.#grant(request);
    }
    this.#tellRoom();
  }

  /** An account of what one asker could use. */
  demand(): Demand {
    let own = 0;
    return {
      set: (fetches) => {
        this.#demand += fetches - own;
        own = fetches;
        this.#tellRoom();
      },
    };
  }

  /** Resolves when another slice could be used. */
  async room(): Promise<void> {
    while (this.isFull) {
      await new Promise<void>((resolve) => {
        this.#roomWaiters.push(resolve);
      });
    }
  }

  #tellRoom(): void {
    if (!this.isFull) for (const wake of this.#roomWaiters.splice(0)) wake();
  }

  #grant(request: Request): void {
    const permits = Math.min(request.want, this.#free);
    this.#free -= permits;
    request.grant(permits);
  }
}
