import type { FetchResult } from '@fetchfleet/crawl';
import type { Exchange } from '../exchange/exchange.ts';
import type { PolicyPool } from '../transport/policy-pools.ts';
import type { Abortable, AbortListeners } from './abort-listeners.ts';
import type { FetchListener, FetchRequest } from './fetch-request.ts';

/**
 * One fetch from `start` until its listener has been called. It is a single object because a worker
 * has thousands of them.
 */
export class RunningFetch implements Abortable {
  readonly request: FetchRequest;
  readonly #listener: FetchListener;
  readonly #onEnd: () => void;
  #exchange: Exchange | undefined;
  #pool: PolicyPool | undefined;
  #abortListeners: AbortListeners | undefined;

  /** @param onEnd called just before the listener */
  constructor(request: FetchRequest, listener: FetchListener, onEnd: () => void) {
    this.request = request;
    this.#listener = listener;
    this.#onEnd = onEnd;
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
    this.#end();
    this.#listener.onResult(result);
  }

  abort(reason: unknown): void {
    this.#exchange?.abort();
    this.#end();
    this.#listener.onAborted(reason);
  }

  #end(): void {
    const { signal } = this.request;
    if (signal) {
      this.#abortListeners?.remove(signal, this);
    }
    if (this.#pool) {
      this.#pool.inFlight -= 1;
    }
    this.#onEnd();
  }
}
