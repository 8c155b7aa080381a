import {
  dispositionOf,
  type Disposition,
  type FetchFailure,
  type FetchResult,
  lastReasonOf,
  type PendingFetch,
  toError,
} from '@fetchfleet/crawl';
import type { Fetcher } from '@fetchfleet/fetcher';
import {
  GatedFetch,
  type GatedFetchOptions,
  type GatedFetchOwner,
  type GatedResult,
  type Hop,
  type Turn,
} from '../origin/gated-fetch.ts';
import type { StartGrant } from '../origin/waiting-slice.ts';
import { type Ending, settle, type SettleTarget, type SettleTools } from '../record/settle.ts';
import type { FailureWithoutFetch } from './failures.ts';
import { type HopTools, hopTurn } from './hop-turns.ts';

export interface FetchTools extends SettleTools, HopTools {
  readonly recorder: SettleTools['recorder'];
  readonly fetcher: Pick<Fetcher, 'start'>;
  /** The longest `Retry-After` or rate-limit reset that is obeyed, ms. */
  readonly maxRetryAfterMs: number;
}

/**
 * The fetches of one slice from their start until they are recorded or returned for another try.
 * Ends are reported by calls instead of promises: the promises were half of the memory of a fetch
 * in flight.
 */
export class InFlightFetches implements GatedFetchOwner<PendingFetch> {
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
    const { maxRetryAfterMs, fetcher } = this.#tools;
    GatedFetch.start(fetcher, {
      request: this.#requestOf(fetch),
      origin: this.#target.origin,
      grant,
      isFirstAttempt: fetch.attempts === 0,
      maxRetryAfterMs,
      owner: this,
      context: fetch,
    });
  }

  /** Uses an attempt of a fetch because a request for another URL of its origin has failed. */
  fail(fetch: PendingFetch, result: FetchFailure): void {
    this.#open += 1;
    this.onResult(fetch, { result, delay: undefined, deniedForMs: 0, now: Date.now() });
  }

  /** Records a fetch as failed that is not started again. */
  recordFailure(fetch: PendingFetch, failure: FailureWithoutFetch): void {
    this.#open += 1;
    this.#settleFailure(fetch, failure);
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

  #requestOf({
    index,
    values,
    attempts,
  }: PendingFetch): GatedFetchOptions<PendingFetch>['request'] {
    const { batch } = this.#target;
    const { plan, request, secretHeaders, token } = batch;
    const headers = request.headersOf(values);
    return {
      url: request.expand(values),
      method: request.method,
      headers: token === undefined ? headers : token.authorize(headers),
      body: request.bodyOf(values),
      // The same for all attempts: the origin may have acted on one that had no answer.
      idempotencyKey: request.hasIdempotencyKey ? `${batch.id}-${index}-1` : undefined,
      secretHeaders,
      limits: plan.limits,
      network: batch.network,
      // An origin that closes connections while requests are on their way costs one attempt only.
      isOnNewConnection: attempts > 0,
      signal: this.#stop.signal,
    };
  }

  async turnOf(fetch: PendingFetch, hop: Hop): Promise<Turn> {
    const { batch, slice } = this.#target;
    const { signal } = this.#stop;
    return hopTurn(this.#tools, { batch, slice, fetch, signal }, hop, {
      onLater: (later) => {
        this.#returned.push(later);
        this.#close();
      },
      onFailure: (failure) => this.#settleFailure(fetch, failure),
      onLost: (result) => {
        this.onResult(fetch, { result, delay: undefined, deniedForMs: 0, now: Date.now() });
      },
    });
  }

  #settleFailure(fetch: PendingFetch, failure: FailureWithoutFetch): void {
    const { outcome, status, code, message } = failure;
    this.#settle(fetch, {
      outcome,
      attempts: fetch.attempts,
      error: { code, message },
      ...(status !== undefined && { status }),
    });
  }

  /** The fetch has no result: it counts as never started. */
  onAborted(fetch: PendingFetch, reason: unknown): void {
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

  onResult(fetch: PendingFetch, ended: GatedResult): void {
    try {
      const { result } = ended;
      if (this.#isTokenAtFault(result) && this.#sendAgain(fetch, ended)) {
        return;
      }
      const disposition = this.#dispositionOf(fetch, ended);
      if (disposition.do === 'settle') {
        const { outcome } = disposition;
        this.#settle(fetch, { outcome, attempts: fetch.attempts + 1, result });
      } else {
        this.#returned.push(this.#nextTry(fetch, ended, disposition));
        this.#close();
      }
    } catch (error) {
      this.#abortWith(error);
      this.#close();
    }
  }

  #isTokenAtFault(result: FetchResult): boolean {
    const { batch, origin } = this.#target;
    if (batch.token === undefined || result.kind === 'failure') {
      return false;
    }
    const { finalUrl } = result;
    // A redirect to another origin carries no token.
    const isOwn = finalUrl === undefined || URL.parse(finalUrl)?.origin === origin;
    return isOwn && batch.token.isAtFault(result);
  }

  /**
   * A fetch whose token has ended is sent again with another one. The first time uses no attempt:
   * that it was is the reason that it waits with. @returns false if it has no attempt left
   */
  #sendAgain(fetch: PendingFetch, { result, now }: GatedResult): boolean {
    const isFree = fetch.reason?.code !== 'HTTP_401';
    const attempts = fetch.attempts + (isFree ? 0 : 1);
    if (attempts >= this.#target.batch.plan.retry.attempts) {
      return false;
    }
    this.#tools.metrics.fetchRetried('401');
    this.#returned.push({ ...fetch, attempts, dueAt: now, reason: lastReasonOf(result) });
    this.#close();
    return true;
  }

  #dispositionOf(
    fetch: PendingFetch,
    { result, delay, deniedForMs, now }: GatedResult,
  ): Disposition {
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
    fetch: PendingFetch,
    { result, now }: GatedResult,
    disposition: Exclude<Disposition, { readonly do: 'settle' }>,
  ): PendingFetch {
    const { metrics } = this.#tools;
    const { origin } = this.#target;
    const label = result.kind === 'response' ? String(result.status) : result.outcome;
    const dueAt = now + disposition.delayMs;
    const tried = { ...fetch, dueAt, reason: lastReasonOf(result) };
    if (disposition.do === 'throttle') {
      metrics.fetchThrottled({ origin, reason: label });
      return { ...tried, throttledSince: fetch.throttledSince || now };
    }
    metrics.fetchRetried(label);
    return { ...tried, attempts: fetch.attempts + 1 };
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
