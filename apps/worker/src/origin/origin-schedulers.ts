import type { ClockReading, Gate, GateAnswer, OriginWork } from '@fetchfleet/fleet';
import type { Every, Logger } from '@fetchfleet/service';
import { OriginScheduler } from './origin-scheduler.ts';
import type { Permits } from '../permits/permits.ts';
import { RedisClock } from './redis-clock.ts';
import { WaitlistSweep, type WaitlistSweepOptions } from './waitlist-sweep.ts';

/** Origins whose clamped Retry-After has been logged. Beyond that the line may repeat. */
const MAX_CLAMPED = 1_000;
/** Idle origins that are remembered until the next heartbeat: a crawl may have a million hosts. */
const MAX_WORKED_ON = 1_000;
/** How long a stopping worker waits for Redis; leases that remain expire. */
const STOP_TIMEOUT_MS = 1_000;

const CHECK_LEASES_MS = 1_000;

const NO_WORK: OriginWork = { ended: 0, refused: 0 };

export interface OriginSchedulersOptions extends WaitlistSweepOptions {
  readonly gate: Gate;
  readonly permits: Permits;
  /** The origin's Crawl-delay; undefined while its robots.txt is not known here. */
  readonly crawlDelayMs: (origin: string) => number | undefined;
  /** Announces to all workers that a block or the breaker of an origin began or ended. */
  readonly publishChange: (origin: string) => Promise<void>;
  /** When leases are checked. */
  readonly every: Every;
  readonly log: Logger;
}

/** The schedulers of the origins that have slices or fetches in this worker. */
export class OriginSchedulers {
  readonly #options: OriginSchedulersOptions;
  readonly #schedulers = new Map<string, OriginScheduler>();
  /** Since they were last asked for. */
  readonly #workedOn = new Map<string, OriginWork>();
  readonly #clamped = new Set<string>();
  readonly #clock = new RedisClock();
  readonly #sweep: WaitlistSweep;
  #onAllIdle: (() => void) | undefined;
  #stopChecks: (() => void) | undefined;

  constructor(options: OriginSchedulersOptions) {
    this.#options = options;
    this.#sweep = new WaitlistSweep(options);
  }

  start(): void {
    this.#stopChecks ??= this.#options.every(CHECK_LEASES_MS, () => {
      for (const scheduler of this.#schedulers.values()) {
        scheduler.checkLeases();
      }
    });
  }

  /**
   * Origins that have had slices or requests in this worker since the last call. An origin that
   * refuses its robots.txt has none most of the time: its slices wait elsewhere.
   *
   * @returns what has ended there since
   */
  takeWorkedOn(): ReadonlyMap<string, OriginWork> {
    const now = [...this.#schedulers.keys()].map((origin) => [origin, NO_WORK] as const);
    const taken = new Map([...now, ...this.#workedOn]);
    this.#workedOn.clear();
    return taken;
  }

  /**
   * Redis has told its time. The first exchange of a worker may be answered late; with an estimate
   * that is late by as much, its starts would meet those that are punctual.
   */
  learnClock({ redisMs, askedAt, answeredAt }: ClockReading): void {
    this.#clock.learn(redisMs, { askedAt, answeredAt });
  }

  /** The scheduler of an origin; it lives until the origin is idle. */
  of(origin: string): OriginScheduler {
    const known = this.#schedulers.get(origin);
    if (known !== undefined) {
      return known;
    }
    const { gate, permits, onError } = this.#options;
    const scheduler: OriginScheduler = new OriginScheduler({
      origin,
      gate,
      permits,
      clock: this.#clock,
      onError,
      wakeSlices: (slices) => void this.#sweep.wake(origin, slices),
      wakeAgain: (slices) => void this.#sweep.wakeAgain(origin, slices),
      onSilentBatches: (batches) => void this.#sweep.removeEnded(origin, batches),
      onClamped: (maxMs) => this.#logClamped(origin, maxMs),
      onReported: (report) => this.#count(origin, report),
      crawlDelayMs: () => this.#options.crawlDelayMs(origin),
      onChange: (answer) => this.#announce(origin, answer),
      onIdle: () => {
        if (this.#schedulers.get(origin) === scheduler) {
          this.#schedulers.delete(origin);
        }
        if (this.#schedulers.size === 0) {
          this.#onAllIdle?.();
        }
      },
    });
    this.#schedulers.set(origin, scheduler);
    this.#count(origin, NO_WORK);
    return scheduler;
  }

  /** How many origins have slices or fetches here. */
  get size(): number {
    return this.#schedulers.size;
  }

  /**
   * Limits or blocks have changed: the schedulers ask the gate again.
   *
   * @param origin @default all origins
   */
  invalidate(origin?: string): void {
    for (const scheduler of this.#at(origin)) {
      scheduler.invalidate();
    }
  }

  /** Wakes the schedulers because slices stop. @param origin @default all origins */
  wake(origin?: string): void {
    for (const scheduler of this.#at(origin)) {
      scheduler.wake();
    }
  }

  /**
   * To be called when a deferred slice is delayed in the queue. If the gate woke it earlier, while
   * this worker still held it, the call was lost and is repeated here.
   */
  async afterDeferral(origin: string, slice: string): Promise<void> {
    const { waitlist, onError } = this.#options;
    try {
      if (!(await waitlist.isDeferred(origin, slice))) {
        await this.#sweep.wake(origin, [slice]);
      }
    } catch (error) {
      // The slice still comes back by itself when it is due.
      onError(error);
    }
  }

  /** To be called when a slice that was deferred has come and waits for no turn here. */
  async leaveWaitlist(origin: string, slice: string): Promise<void> {
    const { waitlist, onError } = this.#options;
    // If this fails, the gate names the slice again after 2 s, and another call forgets it.
    await waitlist.leave(origin, [slice]).catch(onError);
  }

  /** To be called when a slice has come whose batch is paused or cancelled. */
  async removeBatch(origin: string, batch: string): Promise<void> {
    await this.#sweep.removeEnded(origin, [batch]);
  }

  /** Resolves when the gate knows that nothing is in flight here, or after one second. */
  async stop(): Promise<void> {
    this.#stopChecks?.();
    for (const scheduler of this.#schedulers.values()) {
      scheduler.stop();
    }
    if (this.#schedulers.size === 0) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, STOP_TIMEOUT_MS);
      this.#onAllIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #at(origin: string | undefined): Iterable<OriginScheduler> {
    if (origin === undefined) {
      return this.#schedulers.values();
    }
    const scheduler = this.#schedulers.get(origin);
    return scheduler === undefined ? [] : [scheduler];
  }

  #count(origin: string, { ended, refused }: OriginWork): void {
    const known = this.#workedOn.get(origin);
    if (known !== undefined || this.#workedOn.size < MAX_WORKED_ON) {
      const before = known ?? NO_WORK;
      this.#workedOn.set(origin, {
        ended: before.ended + ended,
        refused: before.refused + refused,
      });
    }
  }

  /** Logs once for each origin: an absurd Retry-After is likely to be repeated. */
  #logClamped(origin: string, maxMs: number): void {
    if (this.#clamped.has(origin)) {
      return;
    }
    if (this.#clamped.size < MAX_CLAMPED) {
      this.#clamped.add(origin);
    }
    const fields = { origin, seconds: maxMs / 1000 };
    this.#options.log.warn(fields, 'Retry-After exceeds --max-retry-after, clamped');
  }

  #announce(origin: string, { state, againInMs, lastError }: GateAnswer): void {
    const { log, publishChange, onError } = this.#options;
    publishChange(origin).catch(onError);
    const seconds = Math.round(againInMs / 100) / 10;
    if (state === 'blocked') {
      log.warn({ origin, seconds, reason: lastError }, 'origin blocked: it refuses requests');
    } else if (state === 'breaker') {
      log.warn({ origin, seconds, reason: lastError }, 'origin keeps failing: breaker open');
    } else {
      log.info({ origin }, 'origin answers again');
    }
  }
}
