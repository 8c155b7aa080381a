import type { PendingFetch } from '@fetchfleet/crawl';
import { AbortListeners } from '@fetchfleet/fetcher';
import type { BatchLimits } from '@fetchfleet/fleet';
import type { ActiveBatch } from '../batch/batches.ts';
import type { Robots, RobotsAnswer } from '../batch/robots.ts';
import { nextRequest } from '../batch/next-request.ts';
import type { TokenAnswer } from '../batch/token.ts';
import type { Permits } from '../permits/permits.ts';
import {
  type Deferral,
  FIRST_TICKET,
  type StartGrant,
  type WaitingSlice,
} from '../origin/waiting-slice.ts';
import {
  authFailed,
  type FailureWithoutFetch,
  originUnavailable,
  patienceOver,
  robotsDenied,
} from './failures.ts';
import { type FetchTools, InFlightFetches } from './in-flight-fetches.ts';
import type { SliceSpan } from '../record/slice-span.ts';
import { patienceLeftMs, throttledSinceOf } from './patience.ts';

/** The longest delay of a Node timer. */
const MAX_TIMER_MS = 2_147_483_647;

/** For the signals that many runs follow: those of their worker, batch and claim. */
const ABORT_LISTENERS = new AbortListeners();

/** The parts of the worker that a slice uses. */
export interface SliceTools extends FetchTools {
  readonly robots: Pick<Robots, 'ask' | 'known'>;
  readonly permits: Pick<Permits, 'addDemand'>;
  /** Aborted when the worker drains: no fetch starts any more. */
  readonly draining: AbortSignal;
  /** Aborted when the drain deadline has passed: fetches in flight are aborted. */
  readonly expired: AbortSignal;
}

/** The slice to run, as it was claimed. */
export interface RunnableSlice {
  readonly id: string;
  readonly origin: string;
  /** Its ticket of the origin's waitlist. @default 0: it was never deferred */
  readonly ticket?: number;
  /** @default it is not traced */
  readonly span?: SliceSpan | undefined;
}

export interface RunSignals {
  /** Aborted when the claim is lost: another worker may run the slice. */
  readonly lost: AbortSignal;
  /** Called when the slice waits for a robots.txt, unless that is known, or for its pages. */
  readonly onRobotsRequested: () => void;
  /** Called when the slice waits for permits. */
  readonly onPermitsRequested: () => void;
}

/** What is left of a slice after its run. */
export interface SliceRest {
  readonly fetches: readonly PendingFetch[];
  /** When the slice has to run again. */
  readonly dueInMs: number;
  /** Its ticket of the origin's waitlist; 0 if it was never deferred. */
  readonly ticket: number;
  /** The scheduler has deferred it: it is in the waitlist. */
  readonly isDeferred: boolean;
}

/**
 * One run of a slice in this worker.
 *
 *     due ──robots.txt, origin scheduler──▶ in flight ──▶ settled    the record is durable
 *      │                                        ├───────▶ retry      later, one attempt used
 *      │                                        ├───────▶ throttled  later, no attempt used
 *      │◀──the origin refuses for long──────────┤                    no attempt used
 *      │                                        └───────▶ aborted    as if never started: drain
 *      │                                                    deadline, lost claim, cancelled batch
 *      └──turn too far away──▶ deferred: later, no attempt used
 *
 * A fetch with pages is due again when the record of a page is durable, with its next page; and
 * what is to be tried later is due again as soon as its time has come, because a run with pages may
 * last. Nothing new starts once the run is ending: the slice is deferred or stopped, a record of a
 * page could not be written, or there is no token.
 *
 * What is not settled at the end is the rest of the slice.
 */
export class SliceRun implements WaitingSlice {
  readonly id: string;
  readonly limits: BatchLimits;
  readonly isSlice = true;
  readonly #tools: SliceTools;
  readonly #batch: ActiveBatch;
  readonly #origin: string;
  readonly #stop = new AbortController();
  readonly #inFlight: InFlightFetches;
  readonly #due: PendingFetch[] = [];
  #later: PendingFetch[] = [];
  readonly #arrivedAt = Date.now();
  /** Copied from the signal, because it is read several times for each fetch. */
  #isDraining = false;
  #ticket: number;
  #isDeferred = false;
  /** When the waiting fetches can go on, counted from {@link #startedAllAt}. */
  #resumeInMs = 0;
  /** Since when the run only waits for its fetches in flight; 0 before. */
  #startedAllAt = 0;
  #isUnderWay = false;
  /** What robots.txt of the origin allowed when it was asked last. */
  #isAllowed: (url: string) => boolean = () => true;
  /** Set while the run waits for the next page to be due. */
  #onPageDue: (() => void) | undefined;

  constructor(tools: SliceTools, batch: ActiveBatch, slice: RunnableSlice) {
    const { id, origin, ticket = 0, span } = slice;
    this.id = id;
    this.limits = { batch: batch.id, politeness: batch.plan.politeness };
    this.#tools = tools;
    this.#batch = batch;
    this.#origin = origin;
    this.#inFlight = new InFlightFetches(
      tools,
      { batch, origin, slice: id, span },
      {
        stop: this.#stop,
        pages: {
          onNextPage: (fetch) => this.#nextPage(fetch),
          mayStart: () => !this.#isEnding,
          onKept: (fetch) => this.#due.push(fetch),
          onReturned: () => this.#lookAgain(),
        },
      },
    );
    this.#ticket = ticket;
  }

  get waiting(): number {
    const canStart = !this.#isEnding && this.#tools.recorder.isReady;
    return canStart ? this.#due.length : 0;
  }

  get ticket(): number {
    return this.#ticket;
  }

  get hasPages(): boolean {
    return this.#batch.pagination !== undefined;
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  get comesFirst(): boolean {
    return this.#ticket === FIRST_TICKET;
  }

  hasPatienceFor(deniedForMs: number): boolean {
    const wait = { deniedForMs, since: this.#arrivedAt };
    const { patienceMs } = this.#batch.plan.politeness;
    return this.#due.some((fetch) => patienceLeftMs(fetch, wait, patienceMs) >= 0);
  }

  start(grant: StartGrant): void {
    const fetch = this.#due.shift();
    if (fetch === undefined) {
      throw new Error(`slice ${this.id} was granted a start, but no fetch waits`);
    }
    this.#inFlight.start(fetch, grant);
  }

  /** Fetches what is due. Resolves when nothing of the slice is in flight any more. */
  async run(
    fetches: readonly PendingFetch[],
    { lost, onRobotsRequested, onPermitsRequested }: RunSignals,
  ): Promise<SliceRest> {
    const stopListening = this.#stopOn([lost, this.#batch.cancelled, this.#tools.expired]);
    try {
      const now = Date.now();
      this.#isUnderWay = fetches.some(({ cursor }) => cursor !== undefined);
      for (const fetch of fetches) {
        (fetch.dueAt <= now ? this.#due : this.#later).push(fetch);
      }
      if (
        this.#applyRobots(await this.#askRobots(onRobotsRequested)) &&
        (await this.#hasToken(onRobotsRequested))
      ) {
        if (this.hasPages && this.#due.length === 0) {
          // All pages are elsewhere, so none waits for a permit here.
          onRobotsRequested();
        }
        await this.#start(onPermitsRequested);
      }
      await this.#allEnded();
      while (this.#takeRefused()) {
        await this.#start(onPermitsRequested);
        await this.#allEnded();
      }
      return this.#rest();
    } finally {
      stopListening();
    }
  }

  async #start(onPermitsRequested: () => void): Promise<void> {
    await (this.hasPages
      ? this.#startPages(onPermitsRequested)
      : this.#startAll(onPermitsRequested));
  }

  /** Resolves when nothing is in flight. @throws an error of ours, not of a fetch */
  async #allEnded(): Promise<void> {
    this.#startedAllAt = Date.now();
    await this.#tools.recorder.hurry(this.#inFlight.allEnded());
    if (this.#inFlight.error !== undefined) {
      throw this.#inFlight.error;
    }
  }

  /**
   * Lets the fetches that the origin has refused for long wait for their turn again. The scheduler
   * puts the slice in the waitlist with all that waits: they come back as the limits of the origin
   * allow, and people see them wait.
   *
   * @returns whether there are any
   */
  #takeRefused(): boolean {
    // Pages that are due may be at another origin.
    const arePagesKept = this.hasPages && this.#due.length > 0;
    if (this.#isStopping || this.#inFlight.isBroken || arePagesKept) {
      return false;
    }
    const refused = this.#inFlight.takeRefused();
    if (refused.length === 0) {
      return false;
    }
    this.#due.push(...refused);
    this.#isDeferred = false;
    this.#startedAllAt = 0;
    return true;
  }

  /** Follows the signals that end the run. @returns removes the listeners */
  #stopOn(reasons: readonly AbortSignal[]): () => void {
    const { draining, schedulers } = this.#tools;
    const stopping = {
      abort: () => {
        this.#stop.abort(new Error('the slice was stopped'));
        schedulers.wake(this.#origin);
      },
    };
    const stopsToStart = {
      abort: () => {
        this.#isDraining = true;
        schedulers.wake(this.#origin);
      },
    };
    const followed = [
      ...reasons.map((reason) => [reason, stopping] as const),
      [draining, stopsToStart] as const,
    ];
    for (const [signal, what] of followed) {
      if (signal.aborted) {
        what.abort();
      }
      ABORT_LISTENERS.add(signal, what);
    }
    return () => {
      for (const [signal, what] of followed) {
        ABORT_LISTENERS.remove(signal, what);
      }
    };
  }

  /**
   * An origin may be slow with its robots.txt. Meanwhile the worker claims slices of others, and
   * counts the fetches of this one as if they waited for permits: it must not claim too many.
   */
  async #askRobots(onRobotsRequested: () => void): Promise<RobotsAnswer> {
    const { robots } = this.#tools;
    const known = robots.known(this.#batch, this.#origin);
    if (known !== undefined) {
      return known;
    }
    return this.#countedAsWaiting(onRobotsRequested, async () =>
      robots.ask(this.#batch, this.#origin),
    );
  }

  async #countedAsWaiting<T>(onRequested: () => void, ask: () => Promise<T>): Promise<T> {
    const { permits } = this.#tools;
    const fetches = this.#due.length;
    permits.addDemand(fetches);
    onRequested();
    try {
      return await ask();
    } finally {
      permits.addDemand(-fetches);
    }
  }

  /** Waits for the token of the batch, if it needs one. @returns false while there is none */
  async #hasToken(onRequested: () => void): Promise<boolean> {
    const { token } = this.#batch;
    if (token === undefined || token.isKnown || this.#due.length === 0) {
      return true;
    }
    const answer = await this.#countedAsWaiting(onRequested, async () => token.ask());
    if (answer.kind === 'token') {
      return true;
    }
    this.#applyAnswer(answer, ({ reason }) => authFailed(reason));
    return false;
  }

  /** Records what robots.txt forbids. @returns false while robots.txt is not known */
  #applyRobots(answer: RobotsAnswer): boolean {
    if (answer.kind === 'rules') {
      this.#deny(answer.isAllowed);
      return true;
    }
    this.#applyAnswer(answer, unreachableFailure);
    return false;
  }

  /** Keeps or ends the due fetches, where another request has to come first. */
  #applyAnswer<Unreachable extends Extract<TokenAnswer, { readonly kind: 'unreachable' }>>(
    answer: Exclude<TokenAnswer, { readonly kind: 'token' | 'unreachable' }> | Unreachable,
    failureOf: (unreachable: Unreachable) => FailureWithoutFetch,
  ): void {
    if (answer.kind === 'wait') {
      this.#resumeInMs = answer.dueInMs;
    } else if (answer.kind === 'unreachable') {
      const { dueInMs, unreachableForMs } = answer;
      this.#waitFor({ dueInMs, deniedForMs: unreachableForMs }, failureOf(answer));
    } else {
      for (const fetch of this.#due.splice(0)) {
        this.#inFlight.fail(fetch, answer.result);
      }
    }
  }

  #deny(isAllowed: (url: string) => boolean): void {
    this.#isAllowed = isAllowed;
    for (const fetch of this.#due.splice(0)) {
      if (this.hasPages) {
        this.#placePage(fetch);
      } else if (isAllowed(this.#batch.request.expand(fetch.values))) {
        this.#due.push(fetch);
      } else {
        this.#inFlight.recordFailure(fetch, robotsDenied('robots.txt forbids this URL'));
      }
    }
  }

  /** The record of a page is durable. */
  #nextPage(fetch: PendingFetch): void {
    this.#isUnderWay = true;
    if (!this.#isDeferred) {
      // Its turn is used: in the waitlist, later pages take a place behind the others.
      this.#ticket = 0;
    }
    if (this.#isEnding) {
      this.#due.push(fetch);
      return;
    }
    this.#placePage(fetch);
    this.#takeDue();
    this.#lookAgain();
  }

  /** A page is due, or will be: the run or the scheduler may wait for something else. */
  #lookAgain(): void {
    if (this.#onPageDue !== undefined) {
      this.#onPageDue();
    } else if (this.hasPages) {
      this.#tools.schedulers.wake(this.#origin);
    }
  }

  /** Lets a page wait for its turn, at the origin that it is at. */
  #placePage(fetch: PendingFetch): void {
    const request = nextRequest(this.#batch, fetch);
    if ('failure' in request) {
      this.#inFlight.recordFailure(fetch, request.failure, { end: 'bad-next' });
      return;
    }
    const url = new URL(request.url);
    if (url.origin !== this.#origin) {
      this.#inFlight.startElsewhere(fetch, url);
      return;
    }
    const known = this.#tools.robots.known(this.#batch, this.#origin);
    this.#isAllowed = known?.kind === 'rules' ? known.isAllowed : this.#isAllowed;
    if (this.#isAllowed(request.url)) {
      this.#due.push(fetch);
    } else {
      this.#inFlight.recordFailure(fetch, robotsDenied('robots.txt forbids this URL'));
    }
  }

  /** Lets fetches wait for their turn again whose time has come. */
  #takeDue(): void {
    if (this.#isEnding) {
      return;
    }
    const now = Date.now();
    const due = this.#later.filter(({ dueAt }) => dueAt <= now);
    this.#later = this.#later.filter(({ dueAt }) => dueAt > now);
    for (const fetch of [...due, ...this.#inFlight.takeDue(now)]) {
      this.#placePage(fetch);
    }
  }

  /** Starts pages as they become due. Resolves when none is in flight, or the slice has to end. */
  async #startPages(onPermitsRequested: () => void): Promise<void> {
    while (!this.#isEnding) {
      if (this.#due.length === 0) {
        if (this.#inFlight.isIdle) {
          return;
        }
        await this.#pageDue();
        this.#takeDue();
      }
      // A run with pages may outlast a token.
      if (!(await this.#hasToken(() => undefined))) {
        return;
      }
      await this.#startAll(onPermitsRequested);
    }
  }

  /**
   * Resolves when a page is due, a fetch may be tried again or is to be later, or nothing is in
   * flight any more.
   */
  async #pageDue(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onPageDue = resolve;
    const dueAt = Math.min(
      ...[...this.#later, ...this.#inFlight.returned].map((fetch) => fetch.dueAt),
    );
    const ms = Math.max(1, dueAt - Date.now());
    const timer = dueAt === Infinity ? undefined : setTimeout(resolve, Math.min(ms, MAX_TIMER_MS));
    await Promise.race([promise, this.#inFlight.allEnded()]);
    clearTimeout(timer);
    this.#onPageDue = undefined;
  }

  get #isStopping(): boolean {
    return this.#isDraining || this.#stop.signal.aborted;
  }

  /** Nothing new starts any more: the run ends when nothing is in flight. */
  get #isEnding(): boolean {
    return (
      this.#isStopping ||
      this.#isDeferred ||
      this.#startedAllAt > 0 ||
      (this.hasPages && this.#inFlight.isBroken)
    );
  }

  async #startAll(onPermitsRequested: () => void): Promise<void> {
    const { schedulers, recorder } = this.#tools;
    while (this.#due.length > 0 && !this.#isEnding) {
      await recorder.ready();
      const admitted = schedulers.of(this.#origin).admit(this);
      onPermitsRequested();
      const admission = await admitted;
      if (admission.kind === 'deferred') {
        return this.#defer(admission);
      }
    }
  }

  /**
   * Keeps the waiting fetches for later without using an attempt. Where the origin refuses or
   * fails, they end when their patience is over.
   */
  #defer({ dueInMs, ticket, isRefused, deniedForMs }: Deferral): void {
    this.#isDeferred = true;
    this.#ticket = ticket;
    if (isRefused) {
      this.#waitFor({ dueInMs, deniedForMs }, originUnavailable());
      return;
    }
    this.#resumeInMs = dueInMs;
    for (const fetch of this.#due.splice(0)) {
      this.#due.push({ ...fetch, throttledSince: 0 });
    }
  }

  /** Keeps the due fetches for later, and ends those whose patience with the origin is over. */
  #waitFor(
    { dueInMs, deniedForMs }: Pick<Deferral, 'dueInMs' | 'deniedForMs'>,
    failure: FailureWithoutFetch,
  ): void {
    this.#resumeInMs = dueInMs;
    const wait = { deniedForMs, since: this.#arrivedAt };
    const { patienceMs } = this.#batch.plan.politeness;
    for (const fetch of this.#due.splice(0)) {
      const leftMs = patienceLeftMs(fetch, wait, patienceMs);
      if (leftMs < 0) {
        this.#inFlight.recordFailure(fetch, patienceOver(fetch, failure));
      } else {
        // A block may last longer than patience does.
        this.#resumeInMs = Math.min(this.#resumeInMs, leftMs + 1);
        this.#due.push({ ...fetch, throttledSince: throttledSinceOf(fetch, wait) });
      }
    }
  }

  #rest(): SliceRest {
    const later = [...this.#later, ...this.#inFlight.returned];
    const fetches = [...this.#due, ...later].toSorted((a, b) => a.index - b.index);
    const now = Date.now();
    const dueInMs = Math.min(
      ...later.map((fetch) => Math.max(0, fetch.dueAt - now)),
      ...(this.#due.length > 0 ? [Math.max(0, this.#startedAllAt + this.#resumeInMs - now)] : []),
    );
    return {
      fetches,
      dueInMs: fetches.length === 0 ? 0 : dueInMs,
      ticket: this.#ticket,
      isDeferred: this.#isDeferred,
    };
  }
}

/** Why fetches end that waited for robots.txt until their patience was over. */
function unreachableFailure({
  isDown,
  reason,
}: Extract<RobotsAnswer, { readonly kind: 'unreachable' }>): FailureWithoutFetch {
  return isDown ? originUnavailable(reason) : robotsDenied(reason);
}
