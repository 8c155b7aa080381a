import {
  dispositionOf,
  type Disposition,
  type FetchFailure,
  type FetchResult,
  type PendingFetch,
  type RequestedDelay,
  requestedDelayOf,
  toError,
} from '@fetchfleet/crawl';
import type { Fetcher, FetchRequest } from '@fetchfleet/fetcher';
import type { StartGrant } from '../origin/waiting-slice.ts';
import { type Ending, settle, type SettleTarget, type SettleTools } from '../record/settle.ts';

export interface FetchTools extends SettleTools {
  readonly fetcher: Pick<Fetcher, 'start'>;
  /** The longest `Retry-After` or rate-limit reset that is obeyed, ms. */
  readonly maxRetryAfterMs: number;
}

/** Why a fetch ends without having been started. */
export interface FailureWithoutFetch {
  readonly outcome: FetchFailure['outcome'];
  readonly code: string;
  readonly message: string;
}

interface EndedFetch {
  readonly fetch: PendingFetch;
  readonly result: FetchResult;
  readonly delay: RequestedDelay | undefined;
  readonly deniedForMs: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * The fetches of one slice from their start until they are recorded or returned for another try.
 * Ends are reported by calls instead of promises: the promises were half of the memory of a fetch
 * in flight.
 */
export class InFlightFetches {
  readonly #tools: FetchTools;
  readonly #target: SettleTarget;
  readonly #stop: AbortController;
  readonly #returned: PendingFetch[] = [];
  #open = 0;
  #onAllEnded: (() => void) | undefined;
  #error: Error | undefined;

  /** @param stop aborts the fetches in flight, which are returned; aborted here after our error */
  constructor(tools: FetchTools, target: SettleTarget, stop: AbortController) {
    this.#tools = tools;
    this.#target = target;
    this.#stop = stop;
  }

  /** Fetches that were started and have to be tried again. */
  get returned(): readonly PendingFetch[] {
    return this.#returned;
  }

  /** An error of ours, not of a fetch: the slice stops, the worker does not. */
  get error(): Error | undefined {
    return this.#error;
  }

  start(fetch: PendingFetch, grant: StartGrant): void {
    this.#open += 1;
    try {
      this.#tools.fetcher.start(this.#requestOf(fetch), {
        onResult: (result) => {
          const now = Date.now();
          const delay = requestedDelayOf(result, now, this.#tools.maxRetryAfterMs);
          grant.onEnded(result, delay, fetch.attempts === 0);
          const deniedForMs = delay?.isRefusal === true ? grant.deniedForMs() : 0;
          this.#end({ fetch, result, delay, deniedForMs, now });
        },
        onAborted: (reason) => {
          grant.onEnded(undefined);
          this.#return(fetch, reason);
        },
      });
    } catch (error) {
      grant.onEnded(undefined);
      this.#return(fetch, error);
    }
  }

  /** Uses an attempt of a fetch because a request for another URL of its origin has failed. */
  fail(fetch: PendingFetch, result: FetchFailure): void {
    this.#open += 1;
    this.#end({ fetch, result, delay: undefined, deniedForMs: 0, now: Date.now() });
  }

  /** Records a fetch as failed that is never started. */
  recordFailure(fetch: PendingFetch, failure: FailureWithoutFetch): void {
    this.#open += 1;
    const result = {
      kind: 'failure',
      ...failure,
      bytes: 0,
      startedAt: Date.now(),
      durationMs: 0,
    } as const;
    this.#settle(fetch, { result, attempts: fetch.attempts, outcome: failure.outcome });
  }

  /** Resolves when nothing is in flight and nothing waits to become durable. */
  async allEnded(): Promise<void> {
    if (this.#open === 0) {
      return;
    }
    await new Promise<void>((resolve) => {
      this.#onAllEnded = resolve;
    });
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open === 0) {
      this.#onAllEnded?.();
    }
  }

  #requestOf({ values, attempts }: PendingFetch): FetchRequest {
    const { batch } = this.#target;
    const { plan, headers, secretHeaders } = batch;
    return {
      url: batch.expand(values),
      headers,
      secretHeaders,
      limits: plan.limits,
      network: plan.network,
      // An origin that closes connections while requests are on their way costs one attempt only.
      isOnNewConnection: attempts > 0,
      signal: this.#stop.signal,
    };
  }

  /** The fetch has no result: it counts as never started. */
  #return(fetch: PendingFetch, reason: unknown): void {
    this.#returned.push(fetch);
    if (!this.#stop.signal.aborted) {
      this.#abortWith(reason);
    }
    this.#close();
  }

  #abortWith(error: unknown): void {
    this.#error ??= toError(error);
    this.#stop.abort(this.#error);
  }

  #end(ended: EndedFetch): void {
    try {
      const { fetch, result } = ended;
      const disposition = this.#dispositionOf(ended);
      if (disposition.do === 'settle') {
        const { outcome } = disposition;
        this.#settle(fetch, { outcome, attempts: fetch.attempts + 1, result });
      } else {
        this.#returned.push(this.#nextTry(ended, disposition));
        this.#close();
      }
    } catch (error) {
      this.#abortWith(error);
      this.#close();
    }
  }

  #dispositionOf({ fetch, result, delay, deniedForMs, now }: EndedFetch): Disposition {
    return dispositionOf(result, {
      attempts: fetch.attempts,
      throttledSince: fetch.throttledSince,
      deniedForMs,
      now,
      plan: this.#target.batch.plan,
      random: Math.random,
      delay,
    });
  }

  /** The fetch as it is tried again. */
  #nextTry(
    { fetch, result, now }: EndedFetch,
    disposition: Exclude<Disposition, { readonly do: 'settle' }>,
  ): PendingFetch {
    const { metrics } = this.#tools;
    const { origin } = this.#target;
    const reason = result.kind === 'response' ? String(result.status) : result.outcome;
    const dueAt = now + disposition.delayMs;
    if (disposition.do === 'throttle') {
      metrics.fetchThrottled({ origin, reason });
      return { ...fetch, dueAt, throttledSince: fetch.throttledSince || now };
    }
    metrics.fetchRetried(reason);
    return { ...fetch, attempts: fetch.attempts + 1, dueAt };
  }

  #settle(fetch: PendingFetch, ending: Ending): void {
    settle(this.#tools, this.#target, { fetch, ending }, (isRecorded) => {
      // A fetch without a durable record has not happened. The recorder has reported the error.
      if (!isRecorded) {
        this.#returned.push(fetch);
      }
      this.#close();
    });
  }
}
