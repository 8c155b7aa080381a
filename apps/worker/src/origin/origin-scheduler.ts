import type { FetchResult, RequestedDelay } from '@fetchfleet/crawl';
import type { Arrival, Gate, GateAnswer } from '@fetchfleet/fleet';
import { type Admission, type WaitingSlice, deferSlice } from './waiting-slice.ts';
import type { Demand, Permits } from './permits.ts';
import type { RedisClock } from './redis-clock.ts';
import { ReportBuilder } from './report-builder.ts';
import { StartSchedule } from './start-schedule.ts';
import { BacklogPoller } from './backlog-poller.ts';

/** Whoever would wait for longer leaves, and comes back when its turn is near; where the origin objects or fails, sooner, because patience ends. */
const MAX_LINGER_MS = 4_000;
const MAX_DENIED_LINGER_MS = 2_500;
/** How long starts go on without asking where nothing but fetches in flight is limited. */
const LICENCE_MS = 20;
/**
 * How far ahead starts are promised: long enough that asking is rare, short enough that they hold few permits. Where half of the permits are free,
 * as in a worker that mostly waits, asking even less is worth more: as far as permits are to spare, so that workers take turns of a second
 * at a slow origin, and the others sleep.
 */
const HORIZON_MS = 50;
const LONG_HORIZON_MS = 100;
const LONGEST_HORIZON_MS = 1_000;
/** How long results may gather before they are reported; a "not now" and failures are reported at once. */
const REPORT_MS = 10;
/** … and for how long where fetches wait for the rate alone: then they go with the next question, which comes within a second. */
const LAZY_REPORT_MS = 1_100;
/** Leases are renewed well within their life. */
const RENEW_MS = 4_000;
const AFTER_ERROR_MS = 500;
/** However far the next start is: limits may be raised, and that must be seen within 2 s. */
const MAX_ASK_AGAIN_MS = 1_000;
/** Fetches in one exchange. */
const MAX_ASK = 50;

interface Entry {
  readonly guest: WaitingSlice;
  readonly resolve: (departure: Admission) => void;
  readonly reject: (error: unknown) => void;
}

export interface OriginSchedulerOptions {
  readonly origin: string;
  readonly gate: Gate;
  readonly permits: Permits;
  readonly clock: RedisClock;
  readonly crawlDelayMs: () => number | undefined;
  /** Slices that were sent away, here or elsewhere, and could start now. */
  readonly wakeSlices: (slices: readonly string[]) => void;
  /** Told when a block or the breaker begins or ends. */
  readonly onChange: (answer: GateAnswer) => void;
  /** The longest that an origin is left alone because it says so. */
  /** Called with the maximum when the origin asks for a longer delay. */
  readonly onClamped: (maxMs: number) => void;
  readonly onError: (error: unknown) => void;
  /** Told when nobody waits and nothing is in flight. */
  readonly onIdle: () => void;
}

/**
 * One origin as this worker sees it: the slices that want to start fetches of it, in the order they came, and one conversation
 * with the gate about all of them.
 *
 *     guests ──permits, then gate──▶ started at once, or spaced over the next 50 ms to 1 s
 *        │                                  │ ended
 *        │                                  ▼
 *        │                               report ──with the next question, within 10 ms, or at once if the origin objects
 *        └──turn too far──▶ parked: the slice leaves and holds nothing here
 *
 * A guest that lingers holds no permit. Where the gate limits nothing but fetches in flight, its answer is a licence for 20 ms:
 * fetches that end are followed by others without asking.
 */
export class OriginScheduler {
  readonly #options: OriginSchedulerOptions;
  readonly #demand: Demand;
  readonly #report: ReportBuilder;
  readonly #guests: Entry[] = [];
  readonly #schedule: StartSchedule;
  readonly #vigil = new BacklogPoller();
  #arrivals: Arrival[] = [];
  #inFlight = 0;
  /** Fetches that may be in flight under the present licence. */
  #capacity = 0;
  #licenceUntil = 0;
  #askAt = 0;
  #exchangedAt = 0;
  /** How long the answer was expected to take. */
  #leadMs = 0;
  #answer: GateAnswer | undefined;
  #isPumping = false;
  #wakeUp: (() => void) | undefined;

  constructor(options: OriginSchedulerOptions) {
    this.#options = options;
    this.#demand = options.permits.demand();
    this.#report = new ReportBuilder(options.onClamped);
    const giveUp = (): void => options.permits.give(1);
    this.#schedule = new StartSchedule({
      clock: options.clock,
      start: (isProbe) => {
        if (!this.#startOne(isProbe)) giveUp();
        this.nudge();
      },
      giveUp,
    });
  }

  /** Starts the guest's fetches as permits and gate allow; resolves when none waits any more, or it has to leave. */
  async serve(guest: WaitingSlice): Promise<Admission> {
    return new Promise((resolve, reject) => {
      this.#guests.push({ guest, resolve, reject });
      if (guest.ticket > 0) this.#arrivals.push({ slice: guest.slice, fetches: guest.waiting });
      this.#sendAway();
      this.#tellDemand();
      this.nudge();
    });
  }

  /** A started fetch has ended; without a result if it was given up. */
  ended(result: FetchResult | undefined, delay?: RequestedDelay): void {
    this.#inFlight -= 1;
    if (result !== undefined) this.#report.add(result, delay);
    if (this.#report.isObjection) this.#schedule.clear();
    const isFollowed =
      !this.#report.isUrgent && this.#room() > 0 && !this.#options.permits.isAwaited;
    if (isFollowed && this.#startOne(false)) return this.nudge();
    this.#options.permits.give(1);
    this.nudge();
  }

  /** Something has changed for a guest: look again. */
  nudge(): void {
    if (this.#wakeUp !== undefined) this.#wakeUp();
    else if (!this.#isPumping) void this.#pump();
  }

  /** Elsewhere the fleet has learnt something of this origin: nothing is started before the gate was asked again. */
  invalidate(): void {
    this.#licenceUntil = 0;
    this.#schedule.clear();
    this.#askAt = 0;
    this.nudge();
  }

  /** The worker stops: no slices are waited for that were sent away. */
  endVigil(): void {
    this.#vigil.end();
    this.nudge();
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    while (!this.#isIdle()) await this.#step();
    this.#isPumping = false;
    this.#demand.set(0);
    this.#options.onIdle();
  }

  #isIdle(): boolean {
    this.#dismiss();
    const isHolding = this.#isHolding || this.#capacity > 0 || this.#vigil.isOn;
    return this.#guests.length === 0 && !isHolding && this.#report.isEmpty;
  }

  get #isHolding(): boolean {
    return this.#inFlight > 0 || this.#schedule.size > 0;
  }

  async #step(): Promise<void> {
    const waiting = this.#tellDemand();
    const now = performance.now();
    if (this.#report.isUrgent) return this.#exchange(0);
    if (waiting > 0 && now >= this.#askAt) return this.#startOrAsk(waiting);
    if (now >= this.#exchangeDueAt()) return this.#exchange(0);
    await this.#pause(Math.min(this.#exchangeDueAt(), waiting > 0 ? this.#askAt : Infinity) - now);
  }

  async #startOrAsk(waiting: number): Promise<void> {
    const { permits } = this.#options;
    const room = this.#room();
    const request = permits.request(Math.min(waiting, MAX_ASK, room > 0 ? room : MAX_ASK));
    if (!request.isGranted) {
      await this.#pause(this.#exchangeDueAt() + 100 - performance.now(), request.granted);
    }
    const taken = request.end();
    if (taken === 0) {
      if (performance.now() >= this.#exchangeDueAt()) await this.#exchange(0);
    } else if (this.#report.isUrgent) {
      permits.give(taken);
    } else if (this.#room() >= taken) {
      for (let i = 0; i < taken; i++) if (!this.#startOne(false)) permits.give(1);
    } else {
      await this.#exchange(taken);
    }
  }

  /** Fetches that may start under the licence. */
  #room(): number {
    if (performance.now() >= this.#licenceUntil) return 0;
    return Math.max(0, this.#capacity - this.#inFlight);
  }

  #exchangeDueAt(): number {
    if (!this.#report.isEmpty) return this.#exchangedAt + this.#reportMs();
    if (this.#guests.length === 0 && this.#vigil.isOn) return this.#exchangedAt + this.#vigil.askMs;
    if (this.#isHolding) return this.#exchangedAt + RENEW_MS;
    return this.#capacity > 0 ? this.#exchangedAt + REPORT_MS : Infinity;
  }

  /** Permits that are told late are missed by nobody where the rate is what is waited for, and enough others are left. */
  #reportMs(): number {
    const answer = this.#answer;
    const isPaced = answer !== undefined && answer.spacingMs > 0 && !isClosedBy(answer);
    if (!isPaced || this.#guests.length === 0) return REPORT_MS;
    // What comes next is promised, and goes on without anybody's permits.
    if (this.#schedule.size > 0) return LAZY_REPORT_MS;
    const isMissed = this.#report.ended * answer.waiters * 2 > answer.spare;
    return isMissed ? REPORT_MS : LAZY_REPORT_MS;
  }

  /** @param taken permits in hand: how many fetches to ask for */
  async #exchange(taken: number): Promise<void> {
    const { gate, permits, origin, onError } = this.#options;
    const report = this.#report.take();
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    const limits = new Map(this.#guests.map(({ guest }) => [guest.limits.batch, guest.limits]));
    const crawlDelayMs = this.#options.crawlDelayMs();
    this.#leadMs = this.#options.clock.leadMs;
    this.#exchangedAt = performance.now();
    let answer: GateAnswer;
    try {
      answer = await gate.exchange(origin, {
        inFlight: this.#inFlight + this.#schedule.size,
        want: taken,
        ticket: this.#guests[0]?.guest.ticket ?? 0,
        report,
        horizonMs: this.#horizonMs(taken),
        leadMs: this.#leadMs,
        waiting: this.#waiting(),
        arrivals,
        batches: [...limits.values()],
        ...(crawlDelayMs !== undefined && { crawlDelayMs }),
      });
    } catch (error) {
      this.#report.putBack(report);
      this.#arrivals.unshift(...arrivals);
      permits.give(taken);
      this.#licenceUntil = 0;
      this.#askAt = performance.now() + AFTER_ERROR_MS;
      onError(error);
      return this.#pause(AFTER_ERROR_MS);
    }
    const times = { askedAt: this.#exchangedAt, answeredAt: performance.now() };
    this.#options.clock.learn(answer.nowMs, times);
    this.#heed(answer, taken);
  }

  #horizonMs(taken: number): number {
    const sparable = this.#options.permits.sparable(taken);
    if (sparable === 0) return HORIZON_MS;
    const spacingMs = this.#answer?.spacingMs ?? 0;
    return Math.min(LONGEST_HORIZON_MS, Math.max(LONG_HORIZON_MS, sparable * spacingMs));
  }

  #heed(answer: GateAnswer, taken: number): void {
    const { permits, onChange } = this.#options;
    const now = performance.now();
    const wasClosed = isClosedBy(this.#answer);
    const isClosed = isClosedBy(answer);
    // A mere report hears of blocks, but not of what limits those who ask.
    const state = taken > 0 || isClosed || wasClosed ? answer.state : this.#answer?.state;
    this.#answer = { ...answer, state: state ?? answer.state };
    permits.give(taken - answer.granted);
    if (answer.hasChanged) onChange(answer);
    if (isClosed) this.#schedule.clear();
    // Refused since it was asked: what was granted is given back unused.
    if (this.#report.isObjection) permits.give(answer.granted);
    else this.#schedule.add(answer, this.#leadMs);
    const isFree = this.#isFree(answer, taken);
    this.#licenceUntil = isFree ? now + LICENCE_MS : 0;
    this.#capacity = isFree ? answer.allowedInFlight : this.#inFlight;
    if (isClosed) this.#askAt = now + answer.againInMs;
    else if (wasClosed || (taken > 0 && answer.granted === taken)) this.#askAt = now;
    else if (taken > 0)
      this.#askAt = now + Math.max(1, Math.min(answer.againInMs, MAX_ASK_AGAIN_MS));
    if (answer.wakeSlices.length > 0) this.#options.wakeSlices(answer.wakeSlices);
    this.#vigil.heed(answer, isClosed, this.#guests.length > 0);
    this.#sendAway();
  }

  /** Whether starts go on for a while without asking. Where all permits are out, those that are here may be used again by whatever follows. */
  #isFree({ state, spacingMs, allowedInFlight }: GateAnswer, taken: number): boolean {
    if (spacingMs > 0 || (state !== 'open' && state !== 'concurrency')) return false;
    if (taken > 0) return true;
    // A mere report renews no bounded licence, because others may wait for these permits; nor one that nobody would use, because a
    // lane without work has to come to rest.
    return allowedInFlight === Infinity && (this.#guests.length > 0 || this.#isHolding);
  }

  #startOne(isProbe: boolean): boolean {
    const next = this.#guests.find(({ guest }) => guest.waiting > 0);
    if (next === undefined) return false;
    this.#inFlight += 1;
    next.guest.start(isProbe);
    return true;
  }

  /** Slices that wait for the gate, and not for permits, are no reason to claim fewer of other origins. */
  #tellDemand(): number {
    const waiting = this.#waiting();
    const isOpen = this.#answer === undefined || this.#answer.state === 'open';
    this.#demand.set(isOpen ? waiting : 0);
    return waiting;
  }

  /** Fetches that wait and have no start promised. */
  #waiting(): number {
    const all = this.#guests.reduce((sum, { guest }) => sum + guest.waiting, 0);
    return Math.max(0, all - this.#schedule.size);
  }

  #dismiss(): void {
    for (let i = this.#guests.length - 1; i >= 0; i--) {
      const entry = this.#guests[i];
      if (entry !== undefined && entry.guest.waiting === 0) {
        this.#guests.splice(i, 1);
        entry.resolve({ kind: 'served' });
      }
    }
    // Slices have stopped: what was promised to them is nobody's.
    if (this.#guests.length === 0) this.#schedule.clear();
  }

  /** Whoever's turn is too far leaves. The first guest stays while there is anything to wait for at all. */
  #sendAway(): void {
    const answer = this.#answer;
    if (answer === undefined || answer.state === 'open') return;
    const untilAskMs = Math.max(0, this.#askAt - performance.now());
    let ahead = 0;
    const staying: Entry[] = [];
    for (const entry of this.#guests.splice(0)) {
      const waitMs = untilAskMs + ahead * answer.paceMs * answer.waiters;
      ahead += entry.guest.waiting;
      const { deniedForMs } = answer;
      const isPatient = deniedForMs === 0 || entry.guest.isPatient(deniedForMs);
      const maxLingerMs = deniedForMs === 0 ? MAX_LINGER_MS : MAX_DENIED_LINGER_MS;
      const mayLinger = isPatient && waitMs <= maxLingerMs;
      if (mayLinger || entry.guest.waiting === 0) staying.push(entry);
      else void this.#park(entry, { ...answer, waitMs });
    }
    this.#guests.push(...staying);
  }

  async #park(
    { guest, resolve, reject }: Entry,
    why: Pick<GateAnswer, 'state' | 'deniedForMs'> & { readonly waitMs: number },
  ): Promise<void> {
    // Its arrival, told after this, would take it out of the line again.
    const others = this.#arrivals.filter((arrival) => arrival.slice !== guest.slice);
    const hasJustCome = others.length < this.#arrivals.length;
    this.#arrivals = others;
    await deferSlice(this.#options, guest, { ...why, hasJustCome }).then(resolve, reject);
  }

  /** Until the time is over, `until` resolves, or the lane is nudged. */
  async #pause(ms: number, until?: Promise<unknown>): Promise<void> {
    const { promise: nudged, resolve } = Promise.withResolvers<void>();
    const timer = ms === Infinity ? undefined : setTimeout(resolve, Math.max(0, ms));
    this.#wakeUp = resolve;
    await (until === undefined ? nudged : Promise.race([nudged, until]));
    clearTimeout(timer);
    this.#wakeUp = undefined;
  }
}

function isClosedBy(answer: GateAnswer | undefined): boolean {
  return answer?.state === 'blocked' || answer?.state === 'breaker';
}
