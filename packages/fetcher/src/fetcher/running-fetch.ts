import type { FetchResponse, FetchResult } from '@fetchfleet/crawl';
import type { Exchange } from '../exchange/exchange.ts';
import type { FailureReason } from '../exchange/failure.ts';
import type { PolicyPool } from '../transport/policy-pools.ts';
import type { Abortable, AbortListeners } from './abort-listeners.ts';
import type { FetchListener, FetchRequest, HeldFetch } from './fetch-request.ts';

/** What the fetcher learns of its fetches; one object for all of them. */
export interface FetchHooks {
  /** Called just before the listener of an ended fetch. */
  readonly onEnd: () => void;
  /** Called when a held fetch goes on. */
  readonly onFollow: (request: FetchRequest) => void;
}

/**
 * One fetch from `start` until its listener has been called. It is a single object because a worker
 * has thousands of them.
 */
export class RunningFetch implements Abortable {
  readonly request: FetchRequest;
  readonly #listener: FetchListener;
  readonly #hooks: FetchHooks;
  #exchange: Exchange | undefined;
  #pool: PolicyPool | undefined;
  #abortListeners: AbortListeners | undefined;
  #isOver = false;

  constructor(request: FetchRequest, listener: FetchListener, hooks: FetchHooks) {
    this.request = request;
    this.#listener = listener;
    this.#hooks = hooks;
  }

  /** Whether its listener has been called. */
  get isOver(): boolean {
    return this.#isOver;
  }

  start(exchange: Exchange, pool: PolicyPool, abortListeners: AbortListeners): void {
    const { signal } = this.request;
    this.#exchange = exchange;
    this.#pool = pool;
    this.#abortListeners = abortListeners;
    pool.inFlight += 1;
    if (signal) {
      abortListeners.add(signal, this);
    }
    exchange.start();
  }

  onResult(result: FetchResult): void {
    if (!this.#isOver) {
      this.#end();
      this.#listener.onResult(result);
    }
  }

  onRedirect(answer: FetchResponse, target: URL): void {
    if (this.#listener.onRedirect === undefined) {
      this.#exchange?.follow();
      return;
    }
    this.#listener.onRedirect({ ...this.#held(target), answer });
  }

  sendWithinMs(): number {
    return this.#listener.sendWithinMs?.() ?? Infinity;
  }

  onTooLate(target: URL): void {
    if (this.#listener.onTooLate === undefined) {
      this.#exchange?.follow();
    } else {
      this.#listener.onTooLate(this.#held(target));
    }
  }

  #held(target: URL): HeldFetch {
    return {
      target,
      follow: () => {
        this.#hooks.onFollow(this.request);
        this.#exchange?.follow();
      },
      refuse: (reason: FailureReason) => this.#exchange?.refuse(reason),
      drop: () => {
        this.#exchange?.abort();
        this.#end();
      },
    };
  }

  abort(reason: unknown): void {
    if (!this.#isOver) {
      this.#exchange?.abort();
      this.#end();
      this.#listener.onAborted(reason);
    }
  }

  #end(): void {
    this.#isOver = true;
    const { signal } = this.request;
    if (signal) {
      this.#abortListeners?.remove(signal, this);
    }
    if (this.#pool) {
      this.#pool.inFlight -= 1;
    }
    this.#hooks.onEnd();
  }
}
