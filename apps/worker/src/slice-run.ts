import { dispose, type FetchFailure, type FetchResult, type PendingFetch } from '@fetchfleet/crawl';
import type { Fetcher } from '@fetchfleet/fetcher';
import { toError } from '@fetchfleet/service';
import type { ActiveBatch } from './batches.ts';
import type { Lanes } from './lanes.ts';
import type { Departure, Guest, OriginLane } from './origin-lane.ts';
import type { Robots } from './robots.ts';
import { type Ending, settle, type SettleTools } from './settle.ts';

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
  readonly #id: string;
  readonly #origin: string;
  readonly #stop = new AbortController();
  readonly #due: PendingFetch[] = [];
  readonly #rest: PendingFetch[] = [];
  /** Fetches that were started and have no disposition, or no durable record, yet. */
  readonly #open = new Set<Promise<unknown>>();
  #position: number;
  #parkedMs = 0;
  readonly #arrivedAt = Date.now();
  #failure: Error | undefined;

  constructor(
    tools: SliceTools,
    batch: ActiveBatch,
    slice: { readonly id: string; readonly origin: string; readonly position?: number },
  ) {
    this.#id = slice.id;
    this.#tools = tools;
    this.#batch = batch;
    this.#origin = slice.origin;
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
    const reasons = [lost, this.#batch.cancelled, this.#tools.expired];
    for (const reason of reasons) {
      if (reason.aborted) giveUp();
      reason.addEventListener('abort', giveUp);
    }
    try {
      const now = Date.now();
      for (const fetch of fetches) (fetch.dueAt <= now ? this.#due : this.#rest).push(fetch);
      if (await this.#mayStart()) await this.#startAll(asked);
      await this.#tools.recorder.hurry(Promise.all(this.#open));
      if (this.#failure !== undefined) throw this.#failure;
      return this.#restOf();
    } finally {
      for (const reason of reasons) reason.removeEventListener('abort', giveUp);
    }
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
      else this.#track(this.#deny(fetch, reason));
    }
    return true;
  }

  async #deny(fetch: PendingFetch, reason: string): Promise<void> {
    const result = failure('robots-denied', { code: 'ROBOTS_DENIED', message: reason });
    await this.#settle(fetch, { outcome: 'robots-denied', attempts: fetch.attempts, result });
  }

  get #isStopping(): boolean {
    return this.#stop.signal.aborted || this.#tools.draining.aborted;
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
      slice: this.#id,
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

  #start(lane: OriginLane, isProbe: boolean): void {
    const fetch = this.#due.shift();
    if (fetch === undefined) throw new Error('a lane started a fetch that nobody has');
    this.#track(this.#fetch(fetch, lane, isProbe));
  }

  /** What waits leaves without an attempt. An origin that objects or fails is waited for as long as patience lasts. */
  #leave(departure: Extract<Departure, { kind: 'parked' }>): void {
    const { dueInMs, position, isRefused, deniedForMs } = departure;
    this.#parkedMs = dueInMs;
    this.#position = position;
    for (const fetch of this.#due.splice(0)) {
      const throttledSince = isRefused ? this.#throttledSince(fetch, deniedForMs) : 0;
      const leftMs = this.#patienceLeftMs(fetch, deniedForMs);
      if (isRefused && leftMs < 0) {
        this.#track(this.#abandon(fetch));
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

  async #abandon(fetch: PendingFetch): Promise<void> {
    const result = failure('network-error', {
      code: 'ORIGIN_UNAVAILABLE',
      message: 'the origin went on failing or refusing for longer than politeness.patience',
    });
    await this.#settle(fetch, { outcome: 'network-error', attempts: fetch.attempts, result });
  }

  /** An error of ours ends the stay of the slice, not the worker. */
  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= toError(error);
        this.#stop.abort(this.#failure);
      })
      .finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
  }

  async #fetch(fetch: PendingFetch, lane: OriginLane, isProbe: boolean): Promise<void> {
    const { plan, headers, secretHeaders } = this.#batch;
    let result: FetchResult | undefined;
    try {
      result = await this.#tools.fetcher.fetch({
        url: this.#batch.expand(fetch.values),
        headers,
        secretHeaders,
        limits: plan.limits,
        network: plan.network,
        signal: this.#stop.signal,
      });
    } catch (error) {
      this.#rest.push(fetch);
      if (!this.#stop.signal.aborted) throw error;
      return;
    } finally {
      lane.ended(result);
    }
    await this.#dispose(fetch, result, isProbe);
  }

  async #dispose(fetch: PendingFetch, result: FetchResult, isProbe: boolean): Promise<void> {
    const { attempts } = fetch;
    const now = Date.now();
    const { plan } = this.#batch;
    const throttledSince = fetch.throttledSince || (isProbe ? now : 0);
    const disposition = dispose(result, {
      // The one try of an origin that has been failing costs its fetch no attempt.
      attempts: isProbe ? 0 : attempts,
      throttledSince: fetch.throttledSince,
      now,
      plan,
      random: Math.random,
      maxBlockMs: this.#tools.maxBlockMs,
    });
    const reason = reasonOf(result);
    const isPatient = isProbe && now - throttledSince <= plan.politeness.patienceMs;
    if (disposition.do === 'settle') {
      const ending = { outcome: disposition.outcome, attempts: attempts + 1, result };
      return this.#settle(fetch, ending);
    }
    const dueAt = now + disposition.delayMs;
    if (disposition.do === 'throttle' || isPatient) {
      this.#tools.metrics.fetchThrottled({ origin: this.#origin, reason });
      this.#rest.push({ ...fetch, dueAt, throttledSince: fetch.throttledSince || now });
    } else {
      this.#tools.metrics.fetchRetried(reason);
      this.#rest.push({ ...fetch, attempts: attempts + 1, dueAt });
    }
  }

  async #settle(fetch: PendingFetch, ending: Ending): Promise<void> {
    try {
      const target = { batch: this.#batch, origin: this.#origin, slice: this.#id };
      await settle(this.#tools, target, { fetch, ending });
    } catch {
      // The recorder was stopped with its sink failing, and has said so: without a durable record it did not happen.
      this.#rest.push(fetch);
    }
  }

  #restOf(): SliceRest {
    const fetches = [...this.#due, ...this.#rest].toSorted((a, b) => a.index - b.index);
    const now = Date.now();
    const dueInMs = Math.min(
      ...this.#rest.map((fetch) => Math.max(0, fetch.dueAt - now)),
      ...(this.#due.length > 0 ? [this.#parkedMs] : []),
    );
    return { fetches, dueInMs: fetches.length === 0 ? 0 : dueInMs, position: this.#position };
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
