/** The interval at which idle connections are closed while someone waits for a place. */
const CLOSE_IDLE_MS = 20;

/**
 * How many sockets all connections of a fetcher may have open together. The rest of the file
 * descriptors of the process belongs to records, Redis and metrics.
 *
 * Whoever finds the budget used up waits until a socket closes. Meanwhile idle connections are
 * closed, also those that become idle only then.
 */
export class SocketBudget {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  readonly #onUsedUp: () => void;
  #open = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onUsedUp closes idle connections */
  constructor(most: number, onUsedUp: () => void) {
    this.#most = most;
    this.#onUsedUp = onUsedUp;
  }

  /** Takes a place for one socket if there is any. */
  tryTake(): boolean {
    if (this.#open >= this.#most) {
      return false;
    }
    this.#open += 1;
    return true;
  }

  /**
   * Calls `onPlace` with a place taken, now or later.
   *
   * @returns withdraws the request if it is still waiting
   */
  take(onPlace: () => void): () => void {
    if (this.tryTake()) {
      onPlace();
      return () => undefined;
    }
    this.#waiting.add(onPlace);
    this.#onUsedUp();
    this.#timer ??= setInterval(this.#onUsedUp, CLOSE_IDLE_MS);
    return () => this.#leave(onPlace);
  }

  /** Returns the place of a socket that has closed. */
  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#open -= 1;
    } else {
      this.#leave(next);
      next();
    }
  }

  /** The process has no descriptor left, whatever the budget says. */
  exhausted(): void {
    this.#onUsedUp();
  }

  #leave(waiting: () => void): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
