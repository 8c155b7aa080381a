/**
 * Whether a loop makes progress: it beats on every turn, and a health check asks how long ago that was. An event loop that
 * hangs needs nothing more, because it cannot answer the check either.
 */
export class Heartbeat {
  readonly #now: () => number;
  #lastBeat: number;

  /** @param now a monotonic clock in milliseconds; construction is the first beat. @default performance.now */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#lastBeat = now();
  }

  /** The loop has come round. */
  beat(): void {
    this.#lastBeat = this.#now();
  }

  /** Milliseconds since the last beat. */
  get silenceMs(): number {
    return this.#now() - this.#lastBeat;
  }

  /** True while the last beat is at most `maxSilenceMs` old. */
  isAlive(maxSilenceMs: number): boolean {
    return this.silenceMs <= maxSilenceMs;
  }
}
