import { dispose, type FetchResult, type PendingFetch } from '@fetchfleet/crawl';
import type { Fetcher } from '@fetchfleet/fetcher';
import type { Gate } from '@fetchfleet/fleet';
import { toError } from '@fetchfleet/service';
import type { ActiveBatch } from './batches.ts';
import type { Permits } from './permits.ts';
import type { Robots } from './robots.ts';
import { type Ending, settle, type SettleTools } from './settle.ts';

/** What a slice needs of the worker it runs in. */
export interface SliceTools extends SettleTools {
  readonly permits: Permits;
  readonly gate: Gate;
  readonly robots: Robots;
  readonly fetcher: Fetcher;
  /** Aborted when the worker drains: nothing new is started. */
  readonly draining: AbortSignal;
  /** Aborted when the drain deadline has passed: what still runs is given up. */
  readonly expired: AbortSignal;
}

/** What is left of a slice, and when to go on with it. */
export interface SliceRest {
  readonly fetches: readonly PendingFetch[];
  readonly dueInMs: number;
}

/**
 * One stay of a slice in this worker.
 *
 *     due ──robots, permit, gate──▶ in flight ──▶ settle    record durable, then out of the slice
 *      │                        ├───────▶ retry     later, one attempt used
 *      │                        ├───────▶ throttle  later, no attempt used; what is due waits too
 *      │                        └───────▶ given up  as if it had never started (drain deadline, lost claim, cancelled)
 *      └──the gate says no, and nothing is in flight──▶ parked
 *
 * Whatever is not settled at the end is the rest.
 */
export class SliceRun {
  readonly #tools: SliceTools;
  readonly #batch: ActiveBatch;
  readonly #origin: string;
  readonly #stop = new AbortController();
  readonly #due: PendingFetch[] = [];
  readonly #rest: PendingFetch[] = [];
  /** Fetches that were started and have no disposition, or no durable record, yet. */
  readonly #open = new Set<Promise<unknown>>();
  /** Those of them that hold a permit. */
  #inFlight = 0;
  #parkedMs = 0;
  #failure: Error | undefined;
  #wakeEnded: (() => void) | undefined;

  constructor(tools: SliceTools, batch: ActiveBatch, origin: string) {
    this.#tools = tools;
    this.#batch = batch;
    this.#origin = origin;
  }

  /** Fetches what is due; resolves when nothing of the slice is in flight any more. */
  async run(
    fetches: readonly PendingFetch[],
    { lost, asked }: { readonly lost: AbortSignal; readonly asked: () => void },
  ): Promise<SliceRest> {
    const giveUp = (): void => this.#stop.abort(new Error('the slice was given up'));
    const reasons = [lost, this.#batch.cancelled, this.#tools.expired];
    for (const reason of reasons) {
      if (reason.aborted) giveUp();
      reason.addEventListener('abort', giveUp);
    }
    try {
      const now = Date.now();
      for (const fetch of fetches) (fetch.dueAt <= now ? this.#due : this.#rest).push(fetch);
      if (await this.#mayStart()) await this.#startAll(asked);
      await Promise.all(this.#open);
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
    const result: FetchResult = {
      kind: 'failure',
      outcome: 'robots-denied',
      code: 'ROBOTS_DENIED',
      message: reason,
      bytes: 0,
      startedAt: Date.now(),
      durationMs: 0,
    };
    await this.#settle(fetch, { outcome: 'robots-denied', attempts: fetch.attempts, result });
  }

  get #isStopping(): boolean {
    return this.#stop.signal.aborted || this.#tools.draining.aborted;
  }

  async #startAll(asked: () => void): Promise<void> {
    const { permits, gate, recorder } = this.#tools;
    const { politeness } = this.#batch.plan;
    while (this.#due.length > 0 && !this.#isStopping) {
      await recorder.ready();
      const taking = permits.take(this.#due.length);
      asked();
      const taken = await taking;
      // While it waited, the slice may have shrunk, or the worker begun to stop.
      const wanted = this.#isStopping ? 0 : Math.min(taken, this.#due.length);
      const admitted = wanted === 0 ? 0 : await this.#admit(wanted, taken);
      permits.give(taken - admitted);
      for (let i = 0; i < admitted; i++) this.#start();
      if (admitted === wanted) continue;
      if (this.#inFlight > 0) {
        await this.#oneEnded();
      } else if (this.#due.length > 0) {
        this.#parkedMs = await gate.park(this.#origin, this.#due.length, politeness);
        return;
      }
    }
  }

  async #admit(wanted: number, taken: number): Promise<number> {
    try {
      return await this.#tools.gate.admit(this.#origin, wanted, this.#batch.plan.politeness);
    } catch (error) {
      this.#tools.permits.give(taken);
      throw error;
    }
  }

  async #oneEnded(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wakeEnded = resolve;
    });
  }

  #start(): void {
    const fetch = this.#due.shift();
    this.#inFlight += 1;
    if (fetch === undefined) {
      // A throttle emptied the slice between asking and starting.
      this.#release(0);
      return;
    }
    this.#track(this.#fetch(fetch));
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

  async #fetch(fetch: PendingFetch): Promise<void> {
    const { plan, headers, secretHeaders } = this.#batch;
    const startedAt = performance.now();
    let result: FetchResult;
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
      this.#release(performance.now() - startedAt);
    }
    await this.#dispose(fetch, result);
  }

  #release(durationMs: number): void {
    this.#tools.gate.release(this.#origin, durationMs, this.#batch.plan.politeness);
    this.#tools.permits.give(1);
    this.#inFlight -= 1;
    this.#wakeEnded?.();
  }

  async #dispose(fetch: PendingFetch, result: FetchResult): Promise<void> {
    const { attempts, throttledSince } = fetch;
    const now = Date.now();
    const { plan } = this.#batch;
    const disposition = dispose(result, {
      attempts,
      throttledSince,
      now,
      plan,
      random: Math.random,
    });
    const reason = reasonOf(result);
    switch (disposition.do) {
      case 'settle':
        return this.#settle(fetch, {
          outcome: disposition.outcome,
          attempts: attempts + 1,
          result,
        });
      case 'retry':
        this.#tools.metrics.fetchRetried(reason);
        this.#rest.push({ ...fetch, attempts: attempts + 1, dueAt: now + disposition.delayMs });
        return;
      case 'throttle':
        this.#tools.metrics.fetchThrottled({ origin: this.#origin, reason });
        this.#throttle(fetch, now, disposition.delayMs);
    }
  }

  /** The origin said "not now": that holds for everything else of the slice too. */
  #throttle(fetch: PendingFetch, now: number, delayMs: number): void {
    const dueAt = now + delayMs;
    this.#rest.push({ ...fetch, dueAt, throttledSince: fetch.throttledSince || now });
    for (const waiting of this.#due.splice(0)) this.#rest.push({ ...waiting, dueAt });
  }

  async #settle(fetch: PendingFetch, ending: Ending): Promise<void> {
    try {
      await settle(this.#tools, { batch: this.#batch, origin: this.#origin }, { fetch, ending });
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
    return { fetches, dueInMs: fetches.length === 0 ? 0 : dueInMs };
  }
}

function reasonOf(result: FetchResult): string {
  return result.kind === 'response' ? String(result.status) : result.outcome;
}
