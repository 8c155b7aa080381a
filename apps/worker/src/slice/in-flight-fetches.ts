import {
  type Answer,
  type AnswerVerdict,
  dispositionOf,
  type Disposition,
  type Cursor,
  type FetchError,
  type FetchFailure,
  type FetchResponse,
  type FetchResult,
  lastReasonOf,
  type PageRequest,
  type PageStep,
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
  LeaseLostError,
  type Turn,
} from '../origin/gated-fetch.ts';
import { nextPage, nextRequest } from '../batch/next-request.ts';
import { MAX_DENIED_LOCAL_WAIT_MS } from '../origin/deferral.ts';
import type { StartGrant } from '../origin/waiting-slice.ts';
import type { AttemptTally } from '../record/attempt-tally.ts';
import { type Ending, settle, type SettleTarget, type SettleTools } from '../record/settle.ts';
import type { FailureWithoutFetch } from './failures.ts';
import {
  BY_LATENESS,
  BY_PAGE,
  BY_REDIRECT,
  type HopTools,
  hopTurn,
  type HopWay,
} from './hop-turns.ts';

export interface FetchTools extends SettleTools, HopTools {
  readonly recorder: SettleTools['recorder'];
  readonly attempts: Pick<AttemptTally, 'retried' | 'throttled'>;
  readonly fetcher: Pick<Fetcher, 'start'>;
  /** The longest `Retry-After` or rate-limit reset that is obeyed, ms. */
  readonly maxRetryAfterMs: number;
}

/** What concerns only fetches with pages. */
export interface PageHooks {
  /** Called when the record of a page is durable, with the fetch at its next page. */
  readonly onNextPage: (fetch: PendingFetch) => void;
  /** Whether a page that has waited for its turn elsewhere may still be asked for. */
  readonly mayStart: () => boolean;
  /** Called with a page that may not: it waits for the next run of the slice. */
  readonly onKept: (fetch: PendingFetch) => void;
  /** Called when a fetch is to be tried again, or could not be recorded. */
  readonly onReturned: () => void;
}

/** What became of an attempt after which there is another one. */
interface NextTry {
  readonly disposition: Exclude<Disposition, { readonly do: 'settle' }>;
  /** What was not as expected in the answer. */
  readonly problem: FetchError | undefined;
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
  readonly #pages: PageHooks;
  #returned: PendingFetch[] = [];
  /** Those that the origin has refused for longer than a slice waits in the worker. */
  readonly #refused = new WeakSet<PendingFetch>();
  #open = 0;
  #isBroken = false;
  #onAllEnded: (() => void) | undefined;
  #error: Error | undefined;

  /** @param stop aborts the fetches in flight, which are returned; aborted here after our error */
  constructor(
    tools: FetchTools,
    target: SettleTarget,
    { stop, pages }: { readonly stop: AbortController; readonly pages: PageHooks },
  ) {
    this.#tools = tools;
    this.#pages = pages;
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

  /** A record was lost: the slice has to end before that fetch is tried again. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Nothing is in flight, and nothing waits to become durable. */
  get isIdle(): boolean {
    return this.#open === 0;
  }

  /** Takes the fetches to be tried again whose time has come. */
  takeDue(now: number): PendingFetch[] {
    const due = this.#returned.filter(({ dueAt }) => dueAt <= now);
    this.#returned = this.#returned.filter(({ dueAt }) => dueAt > now);
    return due;
  }

  /**
   * Takes the fetches that the origin of the slice has refused for longer than a slice waits in the
   * worker. The gate knows for how long, so they have no time of their own any more.
   */
  takeRefused(): PendingFetch[] {
    const refused = this.#returned.filter((fetch) => this.#refused.has(fetch));
    this.#returned = this.#returned.filter((fetch) => !this.#refused.has(fetch));
    return refused.map((fetch) => ({ ...fetch, dueAt: 0 }));
  }

  start(fetch: PendingFetch, grant: StartGrant): void {
    this.#open += 1;
    this.#send(fetch, this.#target.origin, grant);
  }

  /** Asks for a page at another origin than that of the slice, when its turn there has come. */
  startElsewhere(fetch: PendingFetch, target: URL): void {
    this.#open += 1;
    void this.#startElsewhere(fetch, target);
  }

  async #startElsewhere(fetch: PendingFetch, target: URL): Promise<void> {
    try {
      const way = { target, from: this.#target.origin };
      this.#followTurn(fetch, target, await this.#turnOf(fetch, way, BY_PAGE));
    } catch (error) {
      this.onAborted(fetch, error);
    }
  }

  #followTurn(fetch: PendingFetch, target: URL, turn: Turn): void {
    if (turn.kind === 'granted' && this.#pages.mayStart()) {
      this.#send(fetch, target.origin, turn.grant);
    } else if (turn.kind === 'granted' || this.#stop.signal.aborted) {
      if (turn.kind === 'granted') {
        turn.grant.onEnded(undefined);
      }
      this.#pages.onKept(fetch);
      this.#close();
    } else if (turn.kind === 'refused') {
      this.#settleFailure(fetch, turn.reason);
    } else {
      turn.onDropped();
    }
  }

  #send(fetch: PendingFetch, origin: string, grant: StartGrant): void {
    const { maxRetryAfterMs, fetcher } = this.#tools;
    GatedFetch.start(fetcher, {
      request: this.#requestOf(fetch),
      origin,
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

  /**
   * Records a fetch as failed that is not started again.
   *
   * @param step what the record of a page says
   */
  recordFailure(fetch: PendingFetch, failure: FailureWithoutFetch, step?: PageStep): void {
    this.#open += 1;
    this.#settleFailure(fetch, failure, step);
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

  #requestOf(fetch: PendingFetch): GatedFetchOptions<PendingFetch>['request'] {
    const { index, values, attempts, known } = fetch;
    const { batch } = this.#target;
    const { plan, request, secretHeaders, secrets, token, pagination, revalidation } = batch;
    const headers = request.headersOf(values);
    const own = {
      url: request.expand(values),
      method: request.method,
      headers: token === undefined ? headers : token.authorize(headers),
      body: request.bodyOf(values),
      // The same for all attempts: the origin may have acted on one that had no answer.
      idempotencyKey: request.hasIdempotencyKey
        ? `${batch.id}-${index}-${nextPage(fetch)}`
        : undefined,
      conditions: revalidation?.conditionsOf(known),
      secretHeaders,
      secrets,
      limits: plan.limits,
      network: batch.network,
      // An origin that closes connections while requests are on their way costs one attempt only.
      isOnNewConnection: attempts > 0,
      signal: this.#stop.signal,
    };
    return pagination === undefined ? own : { ...own, ...this.#pageOf(fetch) };
  }

  /** What the request of a page has of its own. */
  #pageOf(fetch: PendingFetch): PageRequest {
    const page = nextRequest(this.#target.batch, fetch);
    if ('failure' in page) {
      throw new Error(`page ${nextPage(fetch)} of fetch ${fetch.index} cannot be asked for`);
    }
    return page;
  }

  async turnOf(fetch: PendingFetch, hop: Hop): Promise<Turn> {
    return this.#turnOf(fetch, hop, BY_REDIRECT);
  }

  async turnAgain(fetch: PendingFetch, hop: Hop): Promise<Turn> {
    return this.#turnOf(fetch, hop, BY_LATENESS);
  }

  async #turnOf(fetch: PendingFetch, hop: Hop, way: HopWay): Promise<Turn> {
    const { batch, slice } = this.#target;
    const { signal } = this.#stop;
    return hopTurn(this.#tools, { batch, slice, fetch, signal, way }, hop, {
      onLater: (later) => {
        this.#return(later);
      },
      onFailure: (failure) => this.#settleFailure(fetch, failure),
      onLost: (result) => {
        this.onResult(fetch, { result, delay: undefined, deniedForMs: 0, now: Date.now() });
      },
    });
  }

  #settleFailure(fetch: PendingFetch, failure: FailureWithoutFetch, step?: PageStep): void {
    const { outcome, status, code, message } = failure;
    this.#settle(fetch, {
      outcome,
      attempts: fetch.attempts,
      error: { code, message },
      ...(status !== undefined && { status }),
      step,
    });
  }

  /** The fetch has no result: it counts as never started. */
  onAborted(fetch: PendingFetch, reason: unknown): void {
    if (!this.#stop.signal.aborted && !(reason instanceof LeaseLostError)) {
      this.#abortWith(reason);
    }
    this.#return(fetch);
  }

  #return(fetch: PendingFetch): void {
    this.#returned.push(fetch);
    this.#pages.onReturned();
    this.#close();
  }

  #abortWith(error: unknown): void {
    this.#error ??= toError(error);
    this.#stop.abort(this.#error);
  }

  onResult(fetch: PendingFetch, ended: GatedResult): void {
    try {
      const { result } = ended;
      const attempts = fetch.attempts + 1;
      const { readAnswer } = this.#target.batch;
      const answer = result.kind === 'response' ? readAnswer?.(result) : undefined;
      const verdict = this.#verdictOn(fetch, result, answer);
      if (this.#isBeyondLast(fetch, result)) {
        const step = { end: 'not-found' } as const;
        this.#settle(fetch, { outcome: 'ok', attempts, result, answer, step });
        return;
      }
      if (this.#isTokenAtFault(fetch, result) && this.#sendAgain(fetch, ended)) {
        return;
      }
      const disposition = this.#dispositionOf(fetch, ended, verdict);
      if (disposition.do === 'settle') {
        const { outcome } = disposition;
        const step = outcome === 'ok' ? this.#stepAfter(fetch, result, answer) : undefined;
        const error = outcome === 'unexpected' ? verdict?.problem : undefined;
        this.#settle(fetch, { outcome, attempts, result, answer, step, ...(error && { error }) });
      } else {
        const problem = verdict?.problem;
        const next = this.#nextTry(fetch, ended, { disposition, problem });
        if (this.#isRefusedForLong(fetch, ended, disposition)) {
          this.#refused.add(next);
        }
        this.#return(next);
      }
    } catch (error) {
      this.#abortWith(error);
      this.#close();
    }
  }

  /**
   * What is to be said of an answer. One that was not sent because it is the known one has passed
   * the rules before.
   */
  #verdictOn(
    { known }: PendingFetch,
    result: FetchResult,
    answer: Answer | undefined,
  ): AnswerVerdict | undefined {
    const { batch } = this.#target;
    const isNotSent = result.kind === 'response' && result.status === 304;
    if (batch.revalidation === undefined || !isNotSent) {
      return answer?.verdict;
    }
    return { isListed: false, problem: batch.revalidation.problemOf(result, known) };
  }

  /** Whether the answer says that the page before was the last one. */
  #isBeyondLast({ cursor }: PendingFetch, result: FetchResult): boolean {
    const { pagination } = this.#target.batch;
    return result.kind === 'response' && pagination?.isBeyondLast(cursor, result.status) === true;
  }

  /** What follows a page; undefined where fetches have none. */
  #stepAfter(
    fetch: PendingFetch,
    result: FetchResult,
    answer: Answer | undefined,
  ): PageStep | undefined {
    const { request, pagination } = this.#target.batch;
    if (pagination === undefined || result.kind !== 'response') {
      return undefined;
    }
    const first = { url: request.expand(fetch.values) };
    const page = { cursor: fetch.cursor, first, request: this.#pageOf(fetch), result };
    return pagination.after(page, answer && (() => answer.json));
  }

  /** A redirect to another origin carries no token, and neither does a page there. */
  #isTokenAtFault(fetch: PendingFetch, result: FetchResult): boolean {
    const { token } = this.#target.batch;
    return (
      token !== undefined &&
      result.kind === 'response' &&
      this.#isOfOwnOrigin(fetch, result) &&
      token.isAtFault(result)
    );
  }

  /**
   * Whether the origin of the slice has refused the fetch, and said for how long. Where it has not,
   * the refusal may be for this URL alone, which waits longer each time.
   */
  #isRefusedForLong(
    fetch: PendingFetch,
    { result, delay }: GatedResult,
    disposition: Disposition,
  ): boolean {
    return (
      disposition.do === 'throttle' &&
      delay?.isRefusal === true &&
      delay.blockMs > MAX_DENIED_LOCAL_WAIT_MS &&
      result.kind === 'response' &&
      this.#isOfOwnOrigin(fetch, result)
    );
  }

  #isOfOwnOrigin(fetch: PendingFetch, { finalUrl }: FetchResponse): boolean {
    const { batch, origin } = this.#target;
    if (batch.pagination !== undefined && this.#pageOf(fetch).isElsewhere) {
      return false;
    }
    return finalUrl === undefined || URL.parse(finalUrl)?.origin === origin;
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
    this.#tools.attempts.retried(this.#target.batch.id);
    this.#target.span?.retried({ index: fetch.index, attempts, reason: '401', delayMs: 0 });
    this.#return({ ...fetch, attempts, dueAt: now, reason: lastReasonOf(result) });
    return true;
  }

  #dispositionOf(
    fetch: PendingFetch,
    { result, delay, deniedForMs, now }: GatedResult,
    verdict: AnswerVerdict | undefined,
  ): Disposition {
    return dispositionOf(result, {
      attempts: fetch.attempts,
      throttledSince: fetch.throttledSince,
      deniedForMs,
      now,
      plan: this.#target.batch.plan,
      random: Math.random,
      delay,
      verdict,
    });
  }

  /** The fetch as it is tried again. */
  #nextTry(
    fetch: PendingFetch,
    { result, now }: GatedResult,
    { disposition, problem }: NextTry,
  ): PendingFetch {
    const { metrics, attempts: counts } = this.#tools;
    const { origin, batch, span } = this.#target;
    const status = problem === undefined ? String(result.status) : 'unexpected';
    const label = result.kind === 'response' ? status : result.outcome;
    const dueAt = now + disposition.delayMs;
    const reason = lastReasonOf(result, problem);
    const again = { ...fetch, dueAt, reason };
    // An origin that answers 304 wrongly is asked without a condition.
    const tried = result.status === 304 ? { ...again, known: undefined } : again;
    const attempts = fetch.attempts + (disposition.do === 'throttle' ? 0 : 1);
    span?.retried({ index: fetch.index, attempts, reason: label, delayMs: disposition.delayMs });
    if (disposition.do === 'throttle') {
      metrics.fetchThrottled({ origin, reason: label });
      counts.throttled(batch.id);
      return { ...tried, throttledSince: fetch.throttledSince || now };
    }
    metrics.fetchRetried(label);
    counts.retried(batch.id);
    return { ...tried, attempts };
  }

  #goOn(fetch: PendingFetch): void {
    try {
      this.#pages.onNextPage(fetch);
    } catch (error) {
      this.#returned.push(fetch);
      this.#abortWith(error);
    }
  }

  #settle(fetch: PendingFetch, ending: Ending): void {
    settle(this.#tools, this.#target, { fetch, ending }, (isRecorded) => {
      // A fetch without a durable record has not happened. The recorder has reported the error.
      if (!isRecorded) {
        this.#isBroken = true;
        this.#return(fetch);
        return;
      }
      if (ending.step !== undefined && 'cursor' in ending.step) {
        this.#goOn(atNextPage(fetch, ending.step.cursor));
      }
      this.#close();
    });
  }
}

/** Attempts and patience count for each page. */
function atNextPage({ index, values }: PendingFetch, cursor: Cursor): PendingFetch {
  return { index, values, attempts: 0, dueAt: 0, throttledSince: 0, cursor };
}
