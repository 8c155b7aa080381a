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
import type { OriginScheduler } from '../origin/origin-scheduler.ts';
import { type Ending, settle, type SettleTarget, type SettleTools } from '../record/settle.ts';

export interface FlightTools extends SettleTools {
  readonly fetcher: Fetcher;
  /** Upper bound of `Retry-After` and of a rate-limit reset, ms. */
  readonly maxRetryAfterMs: number;
}

/** An end that was not a result of fetching. */
export interface FailedWithoutFetch {
  readonly outcome: FetchFailure['outcome'];
  readonly code: string;
  readonly message: string;
}

interface Flight {
  readonly fetch: PendingFetch;
  readonly result: FetchResult;
  readonly delay: RequestedDelay | undefined;
  readonly isProbe: boolean;
  readonly now: number;
}

/**
 * The fetches of a slice that were started, until each is recorded or one of those to come back to. Told by calls, not by promises,
 * which were half of what a fetch in flight held in memory.
 */
export class InFlightFetches {
  readonly #tools: FlightTools;
  readonly #target: SettleTarget;
  readonly #stop: AbortController;
  readonly #back: PendingFetch[] = [];
  #open = 0;
  #onAllEnded: (() => void) | undefined;
  #failure: Error | undefined;

  /** @param stop ends what is in flight as if it had never started; aborted here after an error of ours */
  constructor(tools: FlightTools, target: SettleTarget, stop: AbortController) {
    this.#tools = tools;
    this.#target = target;
    this.#stop = stop;
  }

  /** Fetches that were started and are to be tried again. */
  get back(): readonly PendingFetch[] {
    return this.#back;
  }

  /** An error of ours ends the stay of the slice, not the worker. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  start(fetch: PendingFetch, lane: OriginScheduler, isProbe: boolean): void {
    this.#open += 1;
    try {
      this.#tools.fetcher.start(this.#requestOf(fetch), {
        onResult: (result) => {
          const now = Date.now();
          const delay = requestedDelayOf(result, now, this.#tools.maxRetryAfterMs);
          lane.ended(result, delay);
          this.#end({ fetch, result, delay, isProbe, now });
        },
        onAborted: (reason) => {
          lane.ended(undefined);
          this.#giveUp(fetch, reason);
        },
      });
    } catch (error) {
      lane.ended(undefined);
      this.#giveUp(fetch, error);
    }
  }

  /** Records a fetch that has not been started, and will not be. */
  fail(fetch: PendingFetch, cause: FailedWithoutFetch): void {
    this.#open += 1;
    const result = {
      kind: 'failure',
      ...cause,
      bytes: 0,
      startedAt: Date.now(),
      durationMs: 0,
    } as const;
    this.#settle(fetch, { result, attempts: fetch.attempts, outcome: cause.outcome });
  }

  /** Resolves when nothing is in flight, and nothing waits to be durable. */
  async allEnded(): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => {
      this.#onAllEnded = resolve;
    });
  }

  #ended(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#onAllEnded?.();
  }

  #requestOf({ values }: PendingFetch): FetchRequest {
    const { batch } = this.#target;
    const { plan, headers, secretHeaders } = batch;
    return {
      url: batch.expand(values),
      headers,
      secretHeaders,
      limits: plan.limits,
      network: plan.network,
      signal: this.#stop.signal,
    };
  }

  #giveUp(fetch: PendingFetch, reason: unknown): void {
    this.#back.push(fetch);
    if (!this.#stop.signal.aborted) this.#fail(reason);
    this.#ended();
  }

  #fail(error: unknown): void {
    this.#failure ??= toError(error);
    this.#stop.abort(this.#failure);
  }

  #end(flight: Flight): void {
    try {
      const { fetch, result } = flight;
      const disposition = this.#decide(flight);
      if (disposition.do === 'settle') {
        const { outcome } = disposition;
        this.#settle(fetch, { outcome, attempts: fetch.attempts + 1, result });
      } else {
        this.#back.push(this.#again(flight, disposition));
        this.#ended();
      }
    } catch (error) {
      this.#fail(error);
      this.#ended();
    }
  }

  #decide({ fetch, result, delay, isProbe, now }: Flight): Disposition {
    return dispositionOf(result, {
      // The one try of an origin that has been failing costs its fetch no attempt.
      attempts: isProbe ? 0 : fetch.attempts,
      throttledSince: fetch.throttledSince,
      now,
      plan: this.#target.batch.plan,
      random: Math.random,
      delay,
    });
  }

  /** The fetch as it is tried again. */
  #again(
    { fetch, result, isProbe, now }: Flight,
    disposition: Exclude<Disposition, { readonly do: 'settle' }>,
  ): PendingFetch {
    const { metrics } = this.#tools;
    const { batch, origin } = this.#target;
    const reason = result.kind === 'response' ? String(result.status) : result.outcome;
    const dueAt = now + disposition.delayMs;
    const throttledSince = fetch.throttledSince || now;
    const isPatient = isProbe && now - throttledSince <= batch.plan.politeness.patienceMs;
    if (disposition.do === 'throttle' || isPatient) {
      metrics.fetchThrottled({ origin, reason });
      return { ...fetch, dueAt, throttledSince };
    }
    metrics.fetchRetried(reason);
    return { ...fetch, attempts: fetch.attempts + 1, dueAt };
  }

  #settle(fetch: PendingFetch, ending: Ending): void {
    settle(this.#tools, this.#target, { fetch, ending }, (isRecorded) => {
      // Without a durable record it did not happen. Whoever could not write it has said so.
      if (!isRecorded) this.#back.push(fetch);
      this.#ended();
    });
  }
}
