import type { Redis } from 'ioredis';

const CHECK_MS = 10_000;
/** Synchronised clocks may differ by this much, and an answer may be this slow. */
const TOLERANCE_MS = 1_000;

export interface WallClockOptions {
  readonly redis: Redis;
  /** This machine's clock was found to be wrong by `aheadMs`, and is corrected from now on. */
  readonly onCorrected: (aheadMs: number) => void;
}

/**
 * Makes `Date.now()` return the time of Redis where this machine's clock is more than a second off.
 * BullMQ uses `Date.now()` to decide when a delayed slice comes back: one clock that is an hour off
 * would bring slices an hour early or late for the whole fleet.
 */
export class WallClock {
  readonly #options: WallClockOptions;
  readonly #system = Date.now;
  #aheadMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WallClockOptions) {
    this.#options = options;
  }

  /** Resolves after the first check, which waits for Redis to answer. */
  async start(): Promise<void> {
    await this.#check();
    this.#timer ??= setInterval(() => {
      this.#check().catch(() => undefined); // Redis is away: the next check corrects the clock
    }, CHECK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#correct(0);
  }

  async #check(): Promise<void> {
    const { redis, onCorrected } = this.#options;
    const askedAt = performance.now();
    const [seconds, micros] = await redis.time();
    const roundTripMs = performance.now() - askedAt;
    const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000 + roundTripMs / 2;
    const aheadMs = this.#system.call(Date) - redisMs;
    const isFar = Math.abs(aheadMs) > TOLERANCE_MS + roundTripMs;
    if (Math.abs((isFar ? aheadMs : 0) - this.#aheadMs) <= TOLERANCE_MS) {
      return;
    }
    this.#correct(isFar ? aheadMs : 0);
    if (isFar) {
      onCorrected(aheadMs);
    }
  }

  #correct(aheadMs: number): void {
    this.#aheadMs = aheadMs;
    Date.now = aheadMs === 0 ? this.#system : () => this.#system.call(Date) - Math.round(aheadMs);
  }
}
