import { ClaimLead } from './claim-lead.ts';

/** A request for permits. It is granted at once, later, or never if it is ended first. */
export interface PermitRequest {
  readonly isGranted: boolean;
  /** Resolves when the request is granted. */
  readonly granted: Promise<void>;
  /** Withdraws the request if it is not granted. @returns the granted permits, or 0 */
  end(): number;
}

class QueuedRequest implements PermitRequest {
  readonly granted: Promise<void>;
  readonly most: number;
  readonly #withdraw: (request: QueuedRequest) => void;
  readonly #resolve: () => void;
  #permits = 0;

  constructor(most: number, withdraw: (request: QueuedRequest) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.granted = promise;
    this.most = most;
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
    if (!this.isGranted) {
      this.#withdraw(this);
    }
    return this.#permits;
  }
}

/**
 * The worker's concurrency: one permit for each fetch in flight. A request gets what is free
 * instead of waiting for all it asks for, so that no permit idles. Requests are granted in the
 * order of their arrival.
 */
export class Permits {
  readonly lead: ClaimLead;
  readonly #total: number;
  readonly #requests: QueuedRequest[] = [];
  readonly #capacityWaiters: (() => void)[] = [];
  #free: number;
  #inHand = 0;
  #demand = 0;

  constructor(total: number, lead = new ClaimLead()) {
    this.lead = lead;
    this.#total = total;
    this.#free = total;
  }

  /** Permits held by all origins together. */
  get inUse(): number {
    return this.#total - this.#free;
  }

  /** Whether a request would be granted at once. */
  get areFree(): boolean {
    return this.#free > 0 && !this.isAwaited();
  }

  /** Takes a permit. @returns false if none is free */
  take(): boolean {
    if (!this.areFree) {
      return false;
    }
    this.#free -= 1;
    return true;
  }

  /** Whether a request other than `own` waits for a permit. */
  isAwaited(own?: PermitRequest): boolean {
    return this.#requests.some((request) => request !== own);
  }

  /** How many more fetches the worker should claim. 0 while those it has are enough. */
  get vacancies(): number {
    // More than fits: the permits of a slice that ends must not wait for a round trip to Redis. A
    // quarter is for slices whose fetches end together; with an eighth, 80 of 1,000 permits waited.
    const ahead = Math.max(Math.ceil(this.#total / 4), this.lead.fetches);
    return Math.max(0, this.#free + ahead - this.#demand);
  }

  /**
   * How many permits can be held for a while if half of all permits are to stay free. Those in hand
   * are as good as free: the answer of the gate decides on them soon.
   */
  get sparable(): number {
    return Math.max(0, this.#free + this.#inHand - Math.ceil(this.#total / 2));
  }

  /** Changes how many permits are held for a question to the gate. */
  addInHand(permits: number): void {
    this.#inHand += permits;
  }

  /** Requests between 1 and `most` permits. */
  request(most: number): PermitRequest {
    const request = new QueuedRequest(most, (withdrawn) => {
      const at = this.#requests.indexOf(withdrawn);
      if (at !== -1) {
        this.#requests.splice(at, 1);
      }
    });
    if (this.areFree) {
      this.#grant(request);
    } else {
      this.#requests.push(request);
    }
    return request;
  }

  release(permits: number): void {
    this.#free += permits;
    while (this.#free > 0) {
      const request = this.#requests.shift();
      if (request === undefined) {
        break;
      }
      this.#grant(request);
    }
    this.#wakeCapacityWaiters();
  }

  /** Changes how many fetches wait for a permit. */
  addDemand(fetches: number): void {
    this.#demand += fetches;
    this.#wakeCapacityWaiters();
  }

  /** Resolves when the worker should claim another slice. */
  async waitForCapacity(): Promise<void> {
    while (this.vacancies === 0) {
      await new Promise<void>((resolve) => {
        this.#capacityWaiters.push(resolve);
      });
    }
  }

  #wakeCapacityWaiters(): void {
    if (this.#capacityWaiters.length > 0 && this.vacancies > 0) {
      for (const wake of this.#capacityWaiters.splice(0)) {
        wake();
      }
    }
  }

  #grant(request: QueuedRequest): void {
    const permits = Math.min(request.most, this.#free);
    this.#free -= permits;
    request.grant(permits);
  }
}
