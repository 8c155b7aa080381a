/** 6,400 names a second; each is two questions, and a socket holds some 270 messages. */
const AT_ONCE = 32;
const INTERVAL_MS = 5;

/**
 * Spreads bursts: questions to DNS that are sent all at once, and their answers, overflow the
 * buffers of sockets. A lost one costs a second.
 */
export class PacedStarts {
  readonly #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Calls `start` now or a little later. */
  add(start: () => void): void {
    this.#waiting.push(start);
    if (this.#timer === undefined) {
      this.#startSome();
    }
  }

  /** Forgets what has not been started. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #startSome(): void {
    const starts = this.#waiting.splice(0, AT_ONCE);
    this.#timer =
      starts.length === 0 ? undefined : setTimeout(() => this.#startSome(), INTERVAL_MS);
    for (const start of starts) {
      start();
    }
  }
}
