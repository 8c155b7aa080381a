import type { FetchResult } from '@fetchfleet/crawl';

import type { Abortable, AbortFan } from './abort-fan.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { FetchListener, FetchRequest } from './fetcher.ts';
import type { PolicyPool } from './transport/policy-pools.ts';

/** One fetch, from when it was asked for until its listener has been told: in one object, as there may be thousands. */
export class RunningFetch implements Abortable {
  readonly request: FetchRequest;
  readonly #listener: FetchListener;
  readonly #onEnd: () => void;
  #exchange: Exchange | undefined;
  #pool: PolicyPool | undefined;
  #fan: AbortFan | undefined;

  /** @param onEnd called just before the listener */
  constructor(request: FetchRequest, listener: FetchListener, onEnd: () => void) {
    this.request = request;
    this.#listener = listener;
    this.#onEnd = onEnd;
  }

  start(exchange: Exchange, pool: PolicyPool, fan: AbortFan): void {
    const { signal } = this.request;
    this.#exchange = exchange;
    this.#pool = pool;
    this.#fan = fan;
    pool.inFlight += 1;
    if (signal) fan.add(signal, this);
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
    if (signal) this.#fan?.remove(signal, this);
    if (this.#pool) this.#pool.inFlight -= 1;
    this.#onEnd();
  }
}
