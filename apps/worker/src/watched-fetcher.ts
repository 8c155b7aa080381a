import type { Fetcher } from '@fetchfleet/fetcher';

/** A fetch ends at its timeout at the latest; so much later something must be wrong. */
const GRACE_MS = 5_000;

/** A fetcher that tells when a fetch has ended, and until when the running ones may take. */
export class WatchedFetcher implements Fetcher {
  readonly #inner: Fetcher;
  readonly #onEnd: () => void;
  #running = 0;
  #deadline = 0;

  constructor(inner: Fetcher, onEnd: () => void) {
    this.#inner = inner;
    this.#onEnd = onEnd;
  }

  get transport(): Fetcher['transport'] {
    return this.#inner.transport;
  }

  /** Whether there are fetches under way, and none of them should have ended by now. */
  get isBusy(): boolean {
    return this.#running > 0 && performance.now() < this.#deadline;
  }

  async fetch(request: Parameters<Fetcher['fetch']>[0]): ReturnType<Fetcher['fetch']> {
    this.#running += 1;
    this.#deadline = Math.max(
      this.#deadline,
      performance.now() + request.limits.timeoutMs + GRACE_MS,
    );
    try {
      return await this.#inner.fetch(request);
    } finally {
      this.#running -= 1;
      this.#onEnd();
    }
  }

  async stop(): Promise<void> {
    await this.#inner.stop();
  }
}
