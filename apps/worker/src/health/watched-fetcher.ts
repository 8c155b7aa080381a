import type { Fetcher, FetchListener, FetchRequest } from '@fetchfleet/fetcher';

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

  async fetch(request: FetchRequest): ReturnType<Fetcher['fetch']> {
    return new Promise((resolve, reject) => {
      this.start(request, { onResult: resolve, onAborted: reject });
    });
  }

  start(request: FetchRequest, listener: FetchListener): void {
    const lastUntil = performance.now() + request.limits.timeoutMs + GRACE_MS;
    this.#deadline = Math.max(this.#deadline, lastUntil);
    this.#inner.start(request, {
      onResult: (result) => {
        this.#ended();
        listener.onResult(result);
      },
      onAborted: (reason) => {
        this.#ended();
        listener.onAborted(reason);
      },
    });
    this.#running += 1;
  }

  async stop(): Promise<void> {
    await this.#inner.stop();
  }

  #ended(): void {
    this.#running -= 1;
    this.#onEnd();
  }
}
