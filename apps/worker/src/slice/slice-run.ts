import type { PendingFetch } from '@fetchfleet/crawl';
import type { ActiveBatch } from '../batch/batches.ts';
import type { OriginSchedulers } from '../origin/origin-schedulers.ts';
import type { Admission, WaitingSlice } from '../origin/waiting-slice.ts';
import type { OriginScheduler } from '../origin/origin-scheduler.ts';
import type { Robots } from '../batch/robots.ts';
import { type FlightTools, InFlightFetches } from './in-flight-fetches.ts';

/** What a slice needs of the worker it runs in. */
export interface SliceTools extends FlightTools {
  readonly schedulers: OriginSchedulers;
  readonly robots: Robots;
  /** Aborted when the worker drains: nothing new is started. */
  readonly draining: AbortSignal;
  /** Aborted when the drain deadline has passed: what still runs is given up. */
  readonly expired: AbortSignal;
}

/** Of a fetch whose origin accepted nothing for too long. */
const ABANDONED = {
  outcome: 'network-error',
  code: 'ORIGIN_UNAVAILABLE',
  message: 'the origin went on failing or refusing for longer than politeness.patience',
} as const;

/** What is left of a slice, and when to go on with it. */
export interface SliceRest {
  readonly fetches: readonly PendingFetch[];
  readonly dueInMs: number;
  /** Its place among those that the gate has sent away; 0 if it has none. */
  readonly ticket: number;
  /** The gate has sent it away. */
  readonly isDeferred: boolean;
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
  readonly #flights: InFlightFetches;
  readonly #due: PendingFetch[] = [];
  readonly #later: PendingFetch[] = [];
  #isDraining = false;
  #ticket: number;
  #parkedMs = 0;
  /** Since when it waits only for what it has in flight. */
  #startedAllAt = 0;
  #isDeferred = false;
  readonly #arrivedAt = Date.now();

  constructor(
    tools: SliceTools,
    batch: ActiveBatch,
    slice: { readonly id: string; readonly origin: string; readonly ticket?: number },
  ) {
    this.#tools = tools;
    this.#batch = batch;
    this.#id = slice.id;
    this.#origin = slice.origin;
    const target = { batch, origin: slice.origin, slice: slice.id };
    this.#flights = new InFlightFetches(tools, target, this.#stop);
    this.#ticket = slice.ticket ?? 0;
  }

  /** Fetches what is due; resolves when nothing of the slice is in flight any more. */
  async run(
    fetches: readonly PendingFetch[],
    { lost, asked }: { readonly lost: AbortSignal; readonly asked: () => void },
  ): Promise<SliceRest> {
    const giveUp = (): void => {
      this.#stop.abort(new Error('the slice was given up'));
      this.#tools.schedulers.nudge(this.#origin);
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
      for (const fetch of fetches) (fetch.dueAt <= now ? this.#due : this.#later).push(fetch);
      if (await this.#mayStart()) await this.#startAll(asked);
      this.#startedAllAt = Date.now();
      await this.#tools.recorder.hurry(this.#flights.allEnded());
      if (this.#flights.failure !== undefined) throw this.#flights.failure;
      return this.#restOf();
    } finally {
      for (const reason of reasons) reason.removeEventListener('abort', giveUp);
      draining.removeEventListener('abort', drain);
    }
  }

  /** What robots.txt forbids is settled at once; false while it is not known. */
  async #mayStart(): Promise<boolean> {
    const answer = await this.#tools.robots.ask(this.#batch, this.#origin);
    if (answer.kind === 'wait') {
      this.#parkedMs = answer.dueInMs;
      return false;
    }
    const message = answer.kind === 'denied' ? answer.reason : 'robots.txt forbids this URL';
    const denied = { outcome: 'robots-denied', code: 'ROBOTS_DENIED', message } as const;
    for (const fetch of this.#due.splice(0)) {
      const isAllowed =
        answer.kind === 'rules' && answer.isAllowed(this.#batch.expand(fetch.values));
      if (isAllowed) this.#due.push(fetch);
      else this.#flights.fail(fetch, denied);
    }
    return true;
  }

  get #isStopping(): boolean {
    return this.#isDraining || this.#stop.signal.aborted;
  }

  async #startAll(asked: () => void): Promise<void> {
    const { schedulers, recorder } = this.#tools;
    while (this.#due.length > 0 && !this.#isStopping) {
      await recorder.ready();
      const lane = schedulers.of(this.#origin);
      const serving = lane.serve(this.#guest(lane));
      asked();
      const departure = await serving;
      if (departure.kind === 'deferred') return this.#leave(departure);
    }
  }

  #guest(lane: OriginScheduler): WaitingSlice {
    const { recorder } = this.#tools;
    const waiting = (): number => (this.#isStopping || !recorder.isReady ? 0 : this.#due.length);
    return {
      slice: this.#id,
      limits: { batch: this.#batch.id, politeness: this.#batch.plan.politeness },
      get waiting() {
        return waiting();
      },
      ticket: this.#ticket,
      isPatient: (deniedForMs) =>
        this.#due.some((fetch) => this.#patienceLeftMs(fetch, deniedForMs) >= 0),
      start: (isProbe) => {
        const fetch = this.#due.shift();
        if (fetch === undefined) throw new Error('a lane started a fetch that nobody has');
        this.#flights.start(fetch, lane, isProbe);
      },
    };
  }

  /** What waits leaves without an attempt. An origin that objects or fails is waited for as long as patience lasts. */
  #leave(departure: Extract<Admission, { kind: 'deferred' }>): void {
    const { dueInMs, ticket, isRefused, deniedForMs } = departure;
    this.#parkedMs = dueInMs;
    this.#isDeferred = true;
    this.#ticket = ticket;
    for (const fetch of this.#due.splice(0)) {
      const throttledSince = isRefused ? this.#throttledSince(fetch, deniedForMs) : 0;
      const leftMs = this.#patienceLeftMs(fetch, deniedForMs);
      if (isRefused && leftMs < 0) {
        this.#flights.fail(fetch, ABANDONED);
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

  #restOf(): SliceRest {
    const later = [...this.#later, ...this.#flights.back];
    const fetches = [...this.#due, ...later].toSorted((a, b) => a.index - b.index);
    const now = Date.now();
    const dueInMs = Math.min(
      ...later.map((fetch) => Math.max(0, fetch.dueAt - now)),
      ...(this.#due.length > 0 ? [Math.max(0, this.#startedAllAt + this.#parkedMs - now)] : []),
    );
    return {
      fetches,
      dueInMs: fetches.length === 0 ? 0 : dueInMs,
      ticket: this.#ticket,
      isDeferred: this.#isDeferred,
    };
  }
}
