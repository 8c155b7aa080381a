/**
 * The time since a loop last made progress: the loop calls `beat()` on every turn, and a health
 * check reads `silenceMs`. A blocked event loop needs no check of its own, because it does not
 * answer the health check.
 */
export class Heartbeat {
  readonly #now: () => number;
  #lastBeatAt: number;

  /**
   * @param now a monotonic clock in milliseconds; construction counts as a beat. @default
   * performance.now
   */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#lastBeatAt = now();
  }

  beat(): void {
    this.#lastBeatAt = this.#now();
  }

  get silenceMs(): number {
    return this.#now() - this.#lastBeatAt;
  }
}
