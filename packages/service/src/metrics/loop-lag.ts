import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';

const NANOSECONDS = 1e9;
const RESOLUTION_MS = 20;
const LOOK_MS = 1_000;
/** Share of the time that a loop has to be busy to be measured. */
const BUSY = 0.1;

/** In seconds. */
interface Lag {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * How late timers fire in this process, measured while it is busy.
 *
 *     measuring ──a second with less than a tenth of work──▶ resting
 *         ▲                                                     │
 *         └──────a second with more, or a look that came late───┘
 *
 * Measuring wakes a process up fifty times a second. In one that rests that is most of what it costs: 0.8 % of a core, four times as much as all the rest.
 */
export class LoopLag {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #since: EventLoopUtilization = performance.eventLoopUtilization();
  #lookedAt = performance.now();
  /** The latest look of the time at rest. */
  #worstLookMs = 0;
  #isMeasuring = true;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#delays.enable();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  get isMeasuring(): boolean {
    return this.#isMeasuring;
  }

  /** What was measured since it was taken the last time. */
  take(): Lag {
    const delays = this.#delays;
    const isEmpty = delays.count === 0;
    const lag = {
      p50: isEmpty ? 0 : lagOf(delays.percentile(50)),
      p99: isEmpty ? 0 : lagOf(delays.percentile(99)),
      max: Math.max(isEmpty ? 0 : lagOf(delays.max), this.#worstLookMs / 1_000),
    };
    delays.reset();
    this.#worstLookMs = 0;
    return lag;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delays.disable();
  }

  #look(): void {
    const { utilization } = performance.eventLoopUtilization(this.#since);
    const lateMs = performance.now() - this.#lookedAt - LOOK_MS;
    this.#since = performance.eventLoopUtilization();
    this.#lookedAt = performance.now();
    if (!this.#isMeasuring) this.#worstLookMs = Math.max(this.#worstLookMs, lateMs);
    const isBusy = utilization > BUSY;
    if (isBusy === this.#isMeasuring) return;
    this.#isMeasuring = isBusy;
    if (isBusy) this.#delays.enable();
    else this.#delays.disable();
  }
}

/** The histogram holds whole delays between two ticks of its timer, the tick's own length included. */
function lagOf(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000);
}
