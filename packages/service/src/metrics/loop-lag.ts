import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Every } from '../process/beat.ts';

const NANOSECONDS = 1e9;
const RESOLUTION_MS = 20;
const CHECK_MS = 1_000;
/** What is older is not recent. */
const RECENT_MS = 60_000;
/** The loop is measured while it is busy for more than this share of the time. */
const BUSY = 0.1;

/** In seconds. */
interface Lag {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const NO_LAG: Lag = { p50: 0, p99: 0, max: 0 };

/**
 * Measures how late timers fire in this process while it is busy.
 *
 *     measuring ──a second with less than 10 % of work──▶ resting
 *         ▲                                                 │
 *         └────────────a second with more work──────────────┘
 *
 * Measuring wakes the process fifty times a second, which costs 0.8 % of a core: in an idle process
 * four times as much as everything else. At rest, only the lateness of the check itself is noted.
 */
export class LoopLag {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #since: EventLoopUtilization = performance.eventLoopUtilization();
  #checkedAt = performance.now();
  /** The largest delay of a check at rest. */
  #worstCheckMs = 0;
  /** The worst of what {@link recent} has put aside since the last {@link take}. */
  #aside: Lag = NO_LAG;
  #resetAt = performance.now();
  #isMeasuring = true;
  readonly #stopChecking: () => void;

  constructor(every: Every) {
    this.#delays.enable();
    this.#stopChecking = every(CHECK_MS, () => this.#check());
  }

  get isMeasuring(): boolean {
    return this.#isMeasuring;
  }

  /** The lag since the last call. */
  take(): Lag {
    const lag = worst(this.#aside, this.#measured());
    this.#aside = NO_LAG;
    this.#reset();
    return lag;
  }

  /** The lag since the last {@link take}, of at most the last minute. */
  recent(): Lag {
    const lag = this.#measured();
    if (performance.now() - this.#resetAt > RECENT_MS) {
      this.#aside = worst(this.#aside, lag);
      this.#reset();
    }
    return lag;
  }

  stop(): void {
    this.#stopChecking();
    this.#delays.disable();
  }

  #measured(): Lag {
    const delays = this.#delays;
    const isEmpty = delays.count === 0;
    return {
      p50: isEmpty ? 0 : lagOf(delays.percentile(50)),
      p99: isEmpty ? 0 : lagOf(delays.percentile(99)),
      max: Math.max(isEmpty ? 0 : lagOf(delays.max), this.#worstCheckMs / 1_000),
    };
  }

  #reset(): void {
    this.#delays.reset();
    this.#worstCheckMs = 0;
    this.#resetAt = performance.now();
  }

  #check(): void {
    const { utilization } = performance.eventLoopUtilization(this.#since);
    const lateMs = performance.now() - this.#checkedAt - CHECK_MS;
    this.#since = performance.eventLoopUtilization();
    this.#checkedAt = performance.now();
    if (!this.#isMeasuring) {
      this.#worstCheckMs = Math.max(this.#worstCheckMs, lateMs);
    }
    const isBusy = utilization > BUSY;
    if (isBusy === this.#isMeasuring) {
      return;
    }
    this.#isMeasuring = isBusy;
    if (isBusy) {
      this.#delays.enable();
    } else {
      this.#delays.disable();
    }
  }
}

function worst(one: Lag, other: Lag): Lag {
  return {
    p50: Math.max(one.p50, other.p50),
    p99: Math.max(one.p99, other.p99),
    max: Math.max(one.max, other.max),
  };
}

/** The histogram holds the time between two ticks of its timer, the interval included. */
function lagOf(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000);
}
