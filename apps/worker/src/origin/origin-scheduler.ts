import type { FetchResult, RequestedDelay } from '@fetchfleet/crawl';
import { type BatchLimits, type GateAnswer, LEASE_MS } from '@fetchfleet/fleet';
import { AdmissionQueue } from './admission-queue.ts';
import { BacklogPoller } from './backlog-poller.ts';
import { decide, type Decision, horizonMs, type OriginState } from './decide.ts';
import { type FarSlice, isRefusedBy, ReturnTimes } from './deferral.ts';
import { OriginGate, type OriginGateOptions } from './origin-gate.ts';
import {
  type Phase,
  phaseAfter,
  phaseAfterArrival,
  phaseAfterDeferral,
  phaseAfterError,
  phaseWithoutGrant,
  remaining,
  UNASKED,
} from './origin-phase.ts';
import { PermitAccount } from '../permits/permit-account.ts';
import type { Permits } from '../permits/permits.ts';
import { ReservedStarts } from './reserved-starts.ts';
import { sendWithinMs, StartSchedule } from './start-schedule.ts';
import type {
  Admission,
  Deferral,
  PermitHolder,
  StartGrant,
  WaitingSlice,
} from './waiting-slice.ts';

/** Leases that were renewed longer ago are not relied on: they have ended, or will in 2 s. */
const MAX_LEASE_AGE_MS = LEASE_MS - 2_000;

export interface OriginSchedulerOptions extends Omit<OriginGateOptions, 'now'> {
  readonly permits: Permits;
  /** As `performance.now()`, which is the default. */
  readonly now?: () => number;
  /** Called with deferred slices, of this worker or another, that could start now. */
  readonly wakeSlices: (slices: readonly string[]) => void;
  /** Called with those that were to be woken and have not come. */
  readonly wakeAgain: (slices: readonly string[]) => void;
  /** Called with batches that have limits here and have not asked for a while. */
  readonly onSilentBatches: (batches: readonly string[]) => void;
  /** Called when a block or the breaker begins or ends. */
  readonly onChange: (answer: GateAnswer) => void;
  readonly onError: (error: unknown) => void;
  /** Called when no slice waits and nothing is in flight. */
  readonly onIdle: () => void;
}

/** An exchange. */
interface Question {
  /** How many starts it asks for. @default 0: it reports */
  readonly wanted?: number;
  /** Permits for them. @default 0: each start takes one when it is made */
  readonly inHand?: number;
  /** Whether only starts under the local grant are wanted. @default false */
  readonly isInAdvance?: boolean;
}

/**
 * The loop of one origin in this worker: it carries out what {@link decide} decides.
 *
 *     waiting slices ─ permits ─ gate ─▶ started at once, or scheduled over the next 50 ms to 1 s
 *        │                                   │ StartGrant.onEnded
 *        │                                   ▼
 *        │                                 report ─ with the next question, soon, or at once
 *        └─ turn too far away ─▶ deferred: the slice leaves the worker
 *
 * A waiting slice holds no permit.
 */
export class OriginScheduler {
  readonly #options: OriginSchedulerOptions;
  readonly #now: () => number;
  readonly #gate: OriginGate;
  readonly #permits: PermitAccount;
  readonly #slices = new AdmissionQueue();
  readonly #schedule: StartSchedule;
  readonly #reserved: ReservedStarts;
  readonly #poller = new BacklogPoller();
  readonly #returnTimes = new ReturnTimes();
  readonly #holders = new Set<PermitHolder>();
  // Shared by all starts: a fetch costs no closure here.
  readonly #grant: StartGrant;
  #phase: Phase = UNASKED;
  /** So that an answer is known to be older than one of them. */
  #invalidations = 0;
  /** A slice has come that the gate was not told of. */
  #hasNewSlice = false;
  #isDeferralDue = false;
  #isRunning = false;
  /** Set while the loop waits. */
  #endWait: (() => void) | undefined;
  /** Fetches that have ended in this turn of the event loop, whose permits are still committed. */
  #toFollow = 0;
  #isStopping = false;
  /** Between the starts that were granted last; 0 where the rate is not limited. */
  #spacingMs = 0;
  /** Of the start that is being made; undefined at other times. */
  #startLateMs: number | undefined;

  constructor(options: OriginSchedulerOptions) {
    const now = options.now ?? (() => performance.now());
    this.#options = options;
    this.#now = now;
    this.#gate = new OriginGate({ ...options, now });
    this.#permits = new PermitAccount(options.permits);
    this.#reserved = new ReservedStarts(options.clock);
    this.#schedule = new StartSchedule({
      clock: options.clock,
      now,
      start: (lateMs, hasPermit) => {
        if (hasPermit || this.#permits.redeem()) {
          this.#startLateMs = lateMs;
          this.#startOne();
          this.#startLateMs = undefined;
        }
        this.wake();
      },
      giveUp: (hasPermit) => {
        if (hasPermit) {
          this.#permits.release(1);
        } else {
          this.#permits.breakPromise();
        }
      },
    });
    this.#grant = {
      holders: this.#holders,
      onEnded: (result, delay, isFirstAttempt) => this.#ended(result, delay, isFirstAttempt),
      sendWithinMs: () => sendWithinMs(this.#spacingMs, this.#startLateMs),
      deniedForMs: () => this.#gate.deniedForMs,
    };
  }

  /**
   * Starts the slice's fetches as permits and gate allow. Resolves when all have started, when the
   * slice stops waiting, or when it is deferred.
   */
  async admit(slice: WaitingSlice): Promise<Admission> {
    const admission = this.#slices.add(slice);
    this.#gate.addArrival(slice);
    this.#hasNewSlice = true;
    this.#phase = phaseAfterArrival(this.#phase, this.#now());
    if (!this.#gate.knowsLimitsOf(slice.limits.batch)) {
      this.#phase = phaseWithoutGrant(this.#phase);
      this.#reserved.clear();
    }
    this.#isDeferralDue = true;
    this.#updateDemand();
    this.wake();
    return admission;
  }

  /** To be called when fewer fetches of a slice wait than before: the loop decides again. */
  wake(): void {
    if (this.#endWait !== undefined) {
      this.#endWait();
    } else if (!this.#isRunning) {
      void this.#run();
    }
  }

  /**
   * Lets the next fetches start where some have ended in this turn of the event loop, once for all
   * of them. First to read all that has arrived, then to send all that follows takes a quarter less
   * time than both in turns.
   */
  #followSoon(): void {
    this.#toFollow += 1;
    if (this.#toFollow === 1) {
      setImmediate(() => this.#followAll());
    }
  }

  #followAll(): void {
    const ended = this.#toFollow;
    this.#toFollow = 0;
    for (let i = 0; i < ended; i++) {
      if (this.#mayBeFollowed()) {
        this.#startOne();
      } else {
        this.#permits.release(1);
      }
    }
    this.wake();
  }

  /** The limits or blocks of the origin have changed: nothing starts before the gate is asked. */
  invalidate(): void {
    this.#invalidations += 1;
    this.#phase = UNASKED;
    this.#giveUpStarts();
    this.wake();
  }

  /**
   * Ends the requests in flight whose leases could not be renewed: others may get their permits.
   * To be called every second.
   */
  checkLeases(): void {
    if (this.#holders.size > 0 && this.#now() - this.#gate.renewedAt > MAX_LEASE_AGE_MS) {
      for (const holder of this.#holders) {
        holder.onLeaseLost();
      }
    }
  }

  /** The worker stops: what is unreported is due, and deferred slices are not polled for. */
  stop(): void {
    this.#isStopping = true;
    this.#poller.stop();
    this.wake();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let decision = this.#decide();
    while (decision.do !== 'rest') {
      await this.#perform(decision);
      decision = this.#decide();
    }
    this.#isRunning = false;
    this.#permits.setDemand(0);
    this.#options.onIdle();
  }

  #decide(): Decision {
    this.#slices.releaseStarted();
    if (this.#slices.size === 0) {
      // Slices have stopped: nobody is left to use the scheduled starts.
      this.#schedule.clear();
    }
    const decision = decide(this.#state(), this.#now());
    if (decision.do !== 'defer') {
      this.#isDeferralDue = false;
    }
    return decision;
  }

  #state(): OriginState {
    const now = this.#now();
    return {
      phase: this.#phase,
      slices: this.#slices,
      waiting: this.#updateDemand(),
      scheduled: this.#schedule.size,
      committed: this.#permits.committed,
      leased: this.#gate.leased,
      unreported: this.#gate.unreported,
      unreportedSince: this.#gate.unreportedSince,
      isUrgent: this.#gate.isUrgent,
      isDeferralDue: this.#isDeferralDue,
      reserved: this.#reserved.left(now),
      isReserveLow: this.#reserved.isLow(now),
      exchangedAt: this.#gate.exchangedAt,
      arePermitsFree: this.#permits.areFree,
      arePermitsPlentiful: this.#permits.sparable > 0,
      isStopping: this.#isStopping,
      pollEveryMs: this.#poller.intervalMs(now),
    };
  }

  async #perform(decision: Exclude<Decision, { readonly do: 'rest' }>): Promise<void> {
    switch (decision.do) {
      case 'start':
      case 'ask':
        return this.#startOrAsk(decision);
      case 'ask-in-advance':
        return this.#exchange({ wanted: decision.most, isInAdvance: true });
      case 'ask-without-permits':
        return this.#exchange({ wanted: decision.most });
      case 'report':
        return this.#exchange();
      case 'defer':
        return this.#defer(decision.slices);
      case 'wait':
        return this.#wait(decision.until);
    }
  }

  async #startOrAsk(decision: Extract<Decision, { readonly do: 'start' | 'ask' }>): Promise<void> {
    const request = this.#permits.request(decision.most);
    const hadToWait = !request.isGranted;
    if (hadToWait) {
      await this.#wait(decision.permitsBy, request.granted);
    }
    const inHand = this.#permits.take(request);
    if (inHand === 0) {
      if (this.#now() >= decision.permitsBy) {
        await this.#exchange();
      }
      return;
    }
    const valid = hadToWait ? this.#decide() : decision;
    if (valid.do === 'start') {
      const starts = Math.min(valid.most, inHand);
      this.#permits.putBack(inHand - starts);
      this.#permits.commit(starts);
      for (let i = 0; i < starts; i++) {
        this.#startWithoutAsking();
      }
    } else if (valid.do === 'ask') {
      await this.#exchange({ wanted: inHand, inHand });
    } else {
      this.#permits.putBack(inHand);
      if (valid.do === 'ask-without-permits') {
        // Deciding again without these permits could ask for them again, in turns with others.
        await this.#perform(valid);
      }
    }
  }

  async #exchange({ wanted = 0, inHand = 0, isInAdvance = false }: Question = {}): Promise<void> {
    let answer: GateAnswer;
    const invalidations = this.#invalidations;
    this.#hasNewSlice = false;
    const aheadMs = horizonMs(this.#phase, this.#permits.sparable);
    try {
      answer = await this.#gate.exchange({
        wanted,
        isInAdvance,
        committed: this.#permits.committed,
        waiting: this.#waiting(),
        ahead: this.#ahead(wanted),
        horizonMs: aheadMs,
        batches: this.#limits(),
      });
    } catch (error) {
      this.#permits.putBack(inHand);
      this.#phase = phaseAfterError(this.#now());
      this.#reserved.clear();
      this.#options.onError(error);
      return;
    }
    const now = this.#now();
    this.#phase = phaseAfter(this.#phase, answer, { wanted, isInAdvance, horizonMs: aheadMs, now });
    this.#apply(answer, now);
    if (this.#hasNewSlice) {
      this.#phase = phaseAfterArrival(this.#phase, now);
    }
    // Limits or blocks may have changed since, or others may have the permits.
    const isOutdated =
      invalidations !== this.#invalidations || now - this.#gate.renewedAt > MAX_LEASE_AGE_MS;
    if (isOutdated) {
      this.#phase = UNASKED;
    }
    if (!isInAdvance) {
      this.#useGranted(answer, { inHand, isOutdated });
    }
    this.#isDeferralDue = true;
  }

  #apply(answer: GateAnswer, now: number): void {
    if (answer.hasChanged) {
      this.#options.onChange(answer);
    }
    if (this.#phase.kind === 'closed') {
      this.#giveUpStarts();
    }
    if (answer.granted > 0 || answer.reserved > 0) {
      this.#spacingMs = answer.spacingMs;
    }
    if (answer.wakeSlices.length > 0) {
      this.#options.wakeSlices(answer.wakeSlices);
    }
    if (answer.overdueSlices.length > 0) {
      this.#options.wakeAgain(answer.overdueSlices);
    }
    if (answer.silentBatches.length > 0) {
      this.#options.onSilentBatches(answer.silentBatches);
    }
    this.#poller.apply(answer, { hasWaitingSlices: this.#slices.size > 0, now });
  }

  /** @param granted.inHand permits for the starts; 0 if they are promises */
  #useGranted(
    answer: GateAnswer,
    { inHand, isOutdated }: { readonly inHand: number; readonly isOutdated: boolean },
  ): void {
    if (isOutdated || this.#gate.isRefusal) {
      // The origin refused, or its limits changed, while the question was under way.
      this.#permits.putBack(inHand);
      return;
    }
    const { leadMs } = this.#gate;
    if (inHand > 0) {
      this.#permits.putBack(inHand - answer.granted);
      this.#permits.commit(answer.granted);
    } else {
      this.#permits.promise(answer.granted);
    }
    this.#schedule.add(answer, { leadMs, hasPermits: inHand > 0 });
    this.#reserved.add(answer, leadMs, this.#now());
  }

  #defer(slices: readonly FarSlice[]): void {
    this.#isDeferralDue = false;
    for (const far of slices) {
      const { slice } = far;
      this.#slices.remove(slice, slice.isSlice ? this.#gate.defer(far) : this.#sendAway(far));
    }
    this.#phase = phaseAfterDeferral(this.#phase);
  }

  async #sendAway(far: FarSlice): Promise<Deferral> {
    return {
      kind: 'deferred',
      dueInMs: this.#returnTimes.next(far, this.#now()),
      ticket: 0,
      isRefused: isRefusedBy(far),
      deniedForMs: far.deniedForMs,
    };
  }

  /** Uses one committed permit for the next fetch, or gives it back if none waits. */
  #startOne(): void {
    if (this.#slices.startNext(this.#grant)) {
      this.#permits.countStart();
    } else {
      this.#permits.release(1);
    }
  }

  #ended(
    result: FetchResult | undefined,
    delay: RequestedDelay | undefined,
    isFirstAttempt: boolean | undefined,
  ): void {
    if (result !== undefined) {
      this.#gate.addResult(result, delay, isFirstAttempt);
    }
    if (this.#gate.isRefusal) {
      // Nothing starts before the gate has answered, not even what was granted for some ms.
      this.#phase = phaseWithoutGrant(this.#phase);
      this.#giveUpStarts();
    }
    this.#followSoon();
  }

  /** Whether the permit of a fetch that has just ended goes to the next one. */
  #mayBeFollowed(): boolean {
    if (this.#gate.isUrgent || this.#permits.isAwaitedElsewhere) {
      return false;
    }
    const now = this.#now();
    return (
      remaining(this.#phase, this.#permits.committed - 1, now) > 0 || this.#reserved.takeNow(now)
    );
  }

  /** Uses one committed permit for the next fetch, at once or in a reserved slot. */
  #startWithoutAsking(): void {
    const now = this.#now();
    if (remaining(this.#phase, this.#permits.committed - 1, now) > 0) {
      this.#startOne();
      return;
    }
    const slotAt = this.#reserved.take(now);
    if (slotAt === undefined) {
      this.#permits.release(1);
    } else {
      this.#schedule.addSlot(slotAt, now);
    }
  }

  #giveUpStarts(): void {
    this.#schedule.clear();
    this.#reserved.clear();
  }

  /** Fetches that wait and have no scheduled start. */
  #waiting(): number {
    return Math.max(0, this.#slices.waiting - this.#schedule.size);
  }

  /**
   * How many starts to reserve. Where more fetches wait than start now, others come before the
   * slots lapse: a worker claims only some fetches ahead.
   */
  #ahead(wanted: number): number {
    const areMoreWaiting = this.#phase.kind === 'open' && this.#waiting() > wanted;
    return areMoreWaiting ? this.#reserved.wanted(this.#now()) : 0;
  }

  /** Slices that wait for the gate and not for permits are no reason to claim fewer others. */
  #updateDemand(): number {
    const waiting = this.#waiting();
    const { kind } = this.#phase;
    this.#permits.setDemand(kind === 'limited' || kind === 'closed' ? 0 : waiting);
    return waiting;
  }

  /** The limits of every batch that has slices here. */
  #limits(): BatchLimits[] {
    const limits = new Map<string, BatchLimits>();
    for (const slice of this.#slices) {
      limits.set(slice.limits.batch, slice.limits);
    }
    return [...limits.values()];
  }

  /** Waits until the time has come, `event` has happened, or the loop is woken. */
  async #wait(until: number, event?: Promise<unknown>): Promise<void> {
    const { promise: woken, resolve } = Promise.withResolvers<void>();
    const ms = Math.max(0, until - this.#now());
    const timer = until === Infinity ? undefined : setTimeout(resolve, ms);
    this.#endWait = resolve;
    await (event === undefined ? woken : Promise.race([woken, event]));
    clearTimeout(timer);
    this.#endWait = undefined;
  }
}
