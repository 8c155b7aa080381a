import {
  dispose,
  type Disposition,
  type FetchFailure,
  type FetchResult,
  type PendingFetch,
} from '@fetchfleet/crawl';
import type { Fetcher, FetchRequest } from '@fetchfleet/fetcher';
import { toError } from '@fetchfleet/service';
import type { ActiveBatch } from './batches.ts';
import type { Lanes } from './lanes.ts';
import type { Departure, Guest, OriginLane } from './origin-lane.ts';
import type { Robots } from './robots.ts';
import { type Ending, settle, type SettleTarget, type SettleTools } from './settle.ts';

/** What a slice needs of the worker it runs in. */
export interface SliceTools extends SettleTools {
  readonly lanes: Lanes;
  readonly robots: Robots;
  readonly fetcher: Fetcher;
  /** The longest wait that an origin's word is taken for. */
  readonly maxBlockMs: number;
  /** Aborted when the worker drains: nothing new is started. */
  readonly draining: AbortSignal;
  /** Aborted when the drain deadline has passed: what still runs is given up. */
  readonly expired: AbortSignal;
}

/** What is left of a slice, and when to go on with it. */
export interface SliceRest {
  readonly fetches: readonly PendingFetch[];
  readonly dueInMs: number;
  /** Its place among those that the gate has sent away; 0 if it has none. */
  readonly position: number;
  /** The gate has sent it away. */
  readonly isParked: boolean;
}

/**
 * One stay of a slice in this worker.
 *
 *     due ──robots, lane──▶ in flight ──▶ settle    record durable, then out of the slice
 *      │                        ├───────▶ retry     later, one attempt used
 *      │                        ├───────▶ throttle  later, no attempt used
 *      │                        └───────▶ given up  as if it had never started (drain deadline, lost claim, cancelled)
 *      └──its turn is far──▶ parked: later, no attempt used
 *
 * Whatever is not settled at the end is the rest.
 */
export class SliceRun {
  readonly #tools: SliceTools;
  readonly #batch: ActiveBatch;
  readonly #origin: string;
  readonly #target: SettleTarget;
  readonly #stop = new AbortController();
  readonly #due: PendingFetch[] = [];
  readonly #rest: PendingFetch[] = [];
  /** Fetches that were taken from what is due and are neither recorded nor part of the rest yet. */
  #open = 0;
  #onClosed: (() => void) | undefined;
  #isDraining = false;
  #position: number;
  #parkedMs = 0;
  /** Since when it waits only for what it has in flight. */
  #startedAllAt = 0;
  #isParked = false;
  readonly #arrivedAt = Date.now();
  #failure: Error | undefined;

  constructor(
    tools: SliceTools,
    batch: ActiveBatch,
    slice: { readonly id: string; readonly origin: string; readonly position?: number },
  ) {
    this.#tools = tools;
    this.#batch = batch;
    this.#origin = slice.origin;
    this.#target = { batch, origin: slice.origin, slice: slice.id };
    this.#position = slice.position ?? 0;
  }

  /** Fetches what is due; resolves when nothing of the slice is in flight any more. */
  async run(
    fetches: readonly PendingFetch[],
    { lost, asked }: { readonly lost: AbortSignal; readonly asked: () => void },
  ): Promise<SliceRest> {
    const giveUp = (): void => {
      this.#stop.abort(new Error('the slice was given up'));
      this.#tools.lanes.nudge(this.#origin);
    };
    const { draining, expired } = this.#tools;
    const reasons = [lost, this.#batch.cancelled, expired];
    for (const reason of reasons) {
      if (reason.aborted) giveUp();
      reason.addEventListener('abort', giveUp);
    }
    // Noted, because it is asked for several times for each fetch.
    const drain = (): void => {
      this.#isDraining = true;
    };
    if (draining.aborted) drain();
    draining.addEventListener('abort', drain);
    try {
      const now = Date.now();
      for (const fetch of fetches) (fetch.dueAt <= now ? this.#due : this.#rest).push(fetch);
      if (await this.#mayStart()) await this.#startAll(asked);
      this.#startedAllAt = Date.now();
      await this.#tools.recorder.hurry(this.#allClosed());
      if (this.#failure !== undefined) throw this.#failure;
      return this.#restOf();
    } finally {
      for (const reason of reasons) reason.removeEventListener('abort', giveUp);
      draining.removeEventListener('abort', drain);
    }
  }

  async #allClosed(): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#onClosed?.();
  }

  /** What robots.txt forbids is settled at once; false while it is not known. */
  async #mayStart(): Promise<boolean> {
    const answer = await this.#tools.robots.ask(this.#batch, this.#origin);
    if (answer.kind === 'wait') {
      this.#parkedMs = answer.dueInMs;
      return false;
    }
    const reason = answer.kind === 'denied' ? answer.reason : 'robots.txt forbids this URL';
    for (const fetch of this.#due.splice(0)) {
      const isAllowed =
        answer.kind === 'rules' && answer.isAllowed(this.#batch.expand(fetch.values));
      if (isAllowed) this.#due.push(fetch);
      else this.#deny(fetch, reason);
    }
    return true;
  }

  #deny(fetch: PendingFetch, reason: string): void {
    const result = failure('robots-denied', { code: 'ROBOTS_DENIED', message: reason });
    this.#open += 1;
    this.#settle(fetch, { outcome: 'robots-denied', attempts: fetch.attempts, result });
  }

  get #isStopping(): boolean {
    return this.#isDraining || this.#stop.signal.aborted;
  }

  async #startAll(asked: () => void): Promise<void> {
    const { lanes, recorder } = this.#tools;
    while (this.#due.length > 0 && !this.#isStopping) {
      await recorder.ready();
      const lane = lanes.of(this.#origin);
      const serving = lane.serve(this.#guest(lane));
      asked();
      const departure = await serving;
      if (departure.kind === 'parked') return this.#leave(departure);
    }
  }

  #guest(lane: OriginLane): Guest {
    const { recorder } = this.#tools;
    const waiting = (): number => (this.#isStopping || !recorder.isReady ? 0 : this.#due.length);
    return {
      slice: this.#target.slice,
      limits: { batch: this.#batch.id, politeness: this.#batch.plan.politeness },
      get waiting() {
        return waiting();
      },
      position: this.#position,
      isPatient: (deniedForMs) =>
        this.#due.some((fetch) => this.#patienceLeftMs(fetch, deniedForMs) >= 0),
      start: (isProbe) => this.#start(lane, isProbe),
    };
  }

  /** Told by calls, not by promises: these are what a worker spends most of its own time with. */
  #start(lane: OriginLane, isProbe: boolean): void {
    const fetch = this.#due.shift();
    if (fetch === undefined) throw new Error('a lane started a fetch that nobody has');
    this.#open += 1;
    try {
      this.#tools.fetcher.start(this.#requestOf(fetch), {
        onResult: (result) => {
          lane.ended(result);
          this.#dispose(fetch, result, isProbe);
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

  #requestOf({ values }: PendingFetch): FetchRequest {
    const { plan, headers, secretHeaders } = this.#batch;
    return {
      url: this.#batch.expand(values),
      headers,
      secretHeaders,
      limits: plan.limits,
      network: plan.network,
      signal: this.#stop.signal,
    };
  }

  /** As if it had not been started. */
  #giveUp(fetch: PendingFetch, reason: unknown): void {
    this.#rest.push(fetch);
    if (!this.#stop.signal.aborted) this.#fail(reason);
    this.#close();
  }

  /** An error of ours ends the stay of the slice, not the worker. */
  #fail(error: unknown): void {
    this.#failure ??= toError(error);
    this.#stop.abort(this.#failure);
  }

  /** What waits leaves without an attempt. An origin that objects or fails is waited for as long as patience lasts. */
  #leave(departure: Extract<Departure, { kind: 'parked' }>): void {
    const { dueInMs, position, isRefused, deniedForMs } = departure;
    this.#parkedMs = dueInMs;
    this.#isParked = true;
    this.#position = position;
    for (const fetch of this.#due.splice(0)) {
      const throttledSince = isRefused ? this.#throttledSince(fetch, deniedForMs) : 0;
      const leftMs = this.#patienceLeftMs(fetch, deniedForMs);
      if (isRefused && leftMs < 0) {
        this.#abandon(fetch);
      } else {
        // However long the origin wants to be left alone: when patience is over, it is over.
        if (isRefused) this.#parkedMs = Math.min(this.#parkedMs, leftMs + 1);
        this.#due.push({ ...fetch, throttledSince });
      }
    }
  }

  /** Since when a fetch has been waiting for an origin that accepts nothing. */
  #throttledSince({ throttledSince }: PendingFetch, deniedForMs: number): number {
    return throttledSince || Math.max(this.#arrivedAt, Date.now() - deniedForMs);
  }

  #patienceLeftMs(fetch: PendingFetch, deniedForMs: number): number {
    const { patienceMs } = this.#batch.plan.politeness;
    return this.#throttledSince(fetch, deniedForMs) + patienceMs - Date.now();
  }

  #abandon(fetch: PendingFetch): void {
    const result = failure('network-error', {
      code: 'ORIGIN_UNAVAILABLE',
      message: 'the origin went on failing or refusing for longer than politeness.patience',
    });
    this.#open += 1;
    this.#settle(fetch, { outcome: 'network-error', attempts: fetch.attempts, result });
  }

  #dispose(fetch: PendingFetch, result: FetchResult, isProbe: boolean): void {
    try {
      const now = Date.now();
      const disposition = this.#dispositionOf(fetch, result, { isProbe, now });
      if (disposition.do === 'settle') {
        const { outcome } = disposition;
        this.#settle(fetch, { outcome, attempts: fetch.attempts + 1, result });
      } else {
        this.#rest.push(this.#again(fetch, disposition, { result, isProbe, now }));
        this.#close();
      }
    } catch (error) {
      this.#fail(error);
      this.#close();
    }
  }

  #dispositionOf(
    { attempts, throttledSince }: PendingFetch,
    result: FetchResult,
    { isProbe, now }: { readonly isProbe: boolean; readonly now: number },
  ): Disposition {
    return dispose(result, {
      // The one try of an origin that has been failing costs its fetch no attempt.
      attempts: isProbe ? 0 : attempts,
      throttledSince,
      now,
      plan: this.#batch.plan,
      random: Math.random,
      maxBlockMs: this.#tools.maxBlockMs,
    });
  }

  /** The fetch as it is tried again. */
  #again(
    fetch: PendingFetch,
    disposition: Exclude<Disposition, { readonly do: 'settle' }>,
    {
      result,
      isProbe,
      now,
    }: { readonly result: FetchResult; readonly isProbe: boolean; readonly now: number },
  ): PendingFetch {
    const { metrics } = this.#tools;
    const reason = reasonOf(result);
    const dueAt = now + disposition.delayMs;
    const throttledSince = fetch.throttledSince || now;
    const isPatient = isProbe && now - throttledSince <= this.#batch.plan.politeness.patienceMs;
    if (disposition.do === 'throttle' || isPatient) {
      metrics.fetchThrottled({ origin: this.#origin, reason });
      return { ...fetch, dueAt, throttledSince };
    }
    metrics.fetchRetried(reason);
    return { ...fetch, attempts: fetch.attempts + 1, dueAt };
  }

  #settle(fetch: PendingFetch, ending: Ending): void {
    settle(this.#tools, this.#target, { fetch, ending }, (isRecorded) => {
      // Without a durable record it did not happen. Whoever could not write it has said so.
      if (!isRecorded) this.#rest.push(fetch);
      this.#close();
    });
  }

  #restOf(): SliceRest {
    const fetches = [...this.#due, ...this.#rest].toSorted((a, b) => a.index - b.index);
    const now = Date.now();
    const dueInMs = Math.min(
      ...this.#rest.map((fetch) => Math.max(0, fetch.dueAt - now)),
      ...(this.#due.length > 0 ? [Math.max(0, this.#startedAllAt + this.#parkedMs - now)] : []),
    );
    return {
      fetches,
      dueInMs: fetches.length === 0 ? 0 : dueInMs,
      position: this.#position,
      isParked: this.#isParked,
    };
  }
}

function reasonOf(result: FetchResult): string {
  return result.kind === 'response' ? String(result.status) : result.outcome;
}

function failure(
  outcome: FetchFailure['outcome'],
  { code, message }: { readonly code: string; readonly message: string },
): FetchFailure {
  return {
    kind: 'failure',
    outcome,
    code,
    message,
    bytes: 0,
    startedAt: Date.now(),
    durationMs: 0,
  };
}
