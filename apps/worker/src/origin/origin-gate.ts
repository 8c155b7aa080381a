import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { FetchResult, RequestedDelay } from '@fetchfleet/crawl';
import type { Arrival, BatchLimits, Gate, GateAnswer, OriginReport } from '@fetchfleet/fleet';
import { type FarSlice, isRefusedBy, returnInMs } from './deferral.ts';
import type { RedisClock } from './redis-clock.ts';
import { ReportBuilder } from './report-builder.ts';
import type { Deferral, WaitingSlice } from './waiting-slice.ts';

/** An answer that took longer may have waited for this process, and not for Redis. */
const SLOW_ANSWER_MS = 1_000;

export interface OriginGateOptions {
  readonly origin: string;
  readonly gate: Pick<Gate, 'exchange' | 'defer'>;
  readonly clock: RedisClock;
  /** As `performance.now()`. */
  readonly now: () => number;
  /** What the origin's robots.txt asks for; undefined while it is not known here. */
  readonly crawlDelayMs: () => number | undefined;
  /** Called with the maximum when the origin asks for a longer delay. */
  readonly onClamped: (maxMs: number) => void;
  /** Called with what the gate has been told. */
  readonly onReported?: (report: OriginReport) => void;
}

/** One worker's calls to the gate about one origin, and what the next call has to report. */
export class OriginGate {
  readonly #options: OriginGateOptions;
  readonly #report: ReportBuilder;
  #arrivals: Arrival[] = [];
  #exchangedAt = 0;
  #renewedAt = 0;
  #leadMs = 0;
  #leased = 0;
  #unreportedSince = 0;
  /** The batches whose limits the gate was told last: it remembers them for a minute. */
  #named: ReadonlySet<string> = new Set();
  /** As `performance.now()`; Infinity while the origin accepts fetches. */
  #deniedSince = Infinity;

  constructor(options: OriginGateOptions) {
    this.#options = options;
    this.#report = new ReportBuilder(options.onClamped);
  }

  /** Whether the gate was told the limits of this batch when it was last told limits. */
  knowsLimitsOf(batch: string): boolean {
    return this.#named.has(batch);
  }

  /** Ended fetches that the gate does not know of. */
  get unreported(): number {
    return this.#report.ended;
  }

  /** When the first of them ended, as `performance.now()`. */
  get unreportedSince(): number {
    return this.#unreportedSince;
  }

  /** See {@link ReportBuilder.isUrgent}. */
  get isUrgent(): boolean {
    return this.#report.isUrgent;
  }

  /** See {@link ReportBuilder.isRefusal}. */
  get isRefusal(): boolean {
    return this.#report.isRefusal;
  }

  /** When the last exchange began, as `performance.now()`. */
  get exchangedAt(): number {
    return this.#exchangedAt;
  }

  /**
   * When the last exchange began that was answered: the leases of what is in flight begin then, or
   * later.
   */
  get renewedAt(): number {
    return this.#renewedAt;
  }

  /** That of the last exchange, see {@link RedisClock.leadMs}. */
  get leadMs(): number {
    return this.#leadMs;
  }

  /** Fetches in flight and scheduled starts that the gate has leased to this worker. */
  get leased(): number {
    return this.#leased;
  }

  /** For how long the origin has accepted nothing, as the gate said last. */
  get deniedForMs(): number {
    return Math.max(0, this.#options.now() - this.#deniedSince);
  }

  addResult(
    result: FetchResult,
    delay: RequestedDelay | undefined,
    isFirstAttempt: boolean | undefined,
  ): void {
    if (this.#report.ended === 0) {
      this.#unreportedSince = this.#options.now();
    }
    this.#report.add(result, delay, isFirstAttempt);
  }

  /** A slice has come. The gate takes it out of the waitlist with the next exchange. */
  addArrival({ id, ticket, waiting }: WaitingSlice): void {
    if (ticket > 0) {
      this.#arrivals.push({ slice: id, fetches: waiting });
    }
  }

  /**
   * Reports what has ended and asks for `wanted` starts. After an error all is reported again.
   *
   * @throws when Redis cannot be reached
   */
  async exchange(call: {
    readonly wanted: number;
    /** Whether starts are wanted only where nothing is limited, before there are permits. */
    readonly isInAdvance: boolean;
    readonly committed: number;
    readonly waiting: number;
    readonly ahead: number;
    readonly horizonMs: number;
    readonly batches: readonly BatchLimits[];
  }): Promise<GateAnswer> {
    const { gate, origin, clock, now } = this.#options;
    const report = this.#report.take();
    const arrivals = this.#arrivals;
    const crawlDelayMs = this.#options.crawlDelayMs();
    this.#arrivals = [];
    this.#leadMs = clock.leadMs;
    this.#exchangedAt = now();
    if (call.batches.length > 0) {
      this.#named = new Set(call.batches.map(({ batch }) => batch));
    }
    try {
      const answer = await gate.exchange(origin, {
        inFlight: call.committed,
        want: call.wanted,
        onlyIfFree: call.isInAdvance,
        report,
        horizonMs: call.horizonMs,
        leadMs: this.#leadMs,
        waiting: call.waiting,
        ahead: call.ahead,
        arrivals,
        batches: call.batches,
        ...(crawlDelayMs !== undefined && { crawlDelayMs }),
      });
      if (report.ended > 0) {
        this.#options.onReported?.(report);
      }
      const answeredAt = now();
      this.#renewedAt = this.#exchangedAt;
      clock.learn(answer.nowMs, { askedAt: this.#exchangedAt, answeredAt });
      this.#leased = call.committed + answer.granted;
      this.#deniedSince = answer.deniedForMs > 0 ? answeredAt - answer.deniedForMs : Infinity;
      if (answeredAt - this.#exchangedAt > SLOW_ANSWER_MS) {
        // A process that stood still reads first what others have told it meanwhile.
        await endOfTurn();
      }
      return answer;
    } catch (error) {
      this.#report.putBack(report);
      this.#arrivals.unshift(...arrivals);
      throw error;
    }
  }

  /** Puts a slice in the origin's waitlist. */
  async defer(far: FarSlice): Promise<Deferral> {
    const { gate, origin } = this.#options;
    const { id: slice, waiting: count, ticket } = far.slice;
    // If its arrival were reported after this, the gate would take it out of the waitlist again.
    this.#arrivals = this.#arrivals.filter((arrival) => arrival.slice !== slice);
    const deferred = await gate.defer(origin, { slice, count, ticket });
    return {
      kind: 'deferred',
      dueInMs: returnInMs(far, deferred.dueInMs),
      ticket: deferred.ticket,
      isRefused: isRefusedBy(far),
      deniedForMs: far.deniedForMs,
    };
  }
}
