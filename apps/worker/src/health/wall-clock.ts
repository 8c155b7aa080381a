import type { Redis } from 'ioredis';

const LOOK_MS = 10_000;
/** What synchronised clocks differ by, and a slow answer, are no reason. */
const TOLERATED_MS = 1_000;

export interface WallClockOptions {
  readonly redis: Redis;
  /** Told when this machine's clock is found to be wrong, by so much. */
  readonly onCorrected: (aheadMs: number) => void;
}

/**
 * Lets `Date.now()` tell the time of Redis where the machine's own clock is far from it. BullMQ reckons by `Date.now()` in every worker when a slice
 * comes back: one clock that is an hour off would bring slices an hour early, or late, for the whole fleet.
 */
export class WallClock {
  readonly #options: WallClockOptions;
  readonly #system = Date.now;
  #aheadMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WallClockOptions) {
    this.#options = options;
  }

  /** Resolves when the clock was looked at for the first time, which is when Redis has answered. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer ??= setInterval(() => void this.#look().catch(() => undefined), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#correct(0);
  }

  async #look(): Promise<void> {
    const { redis, onCorrected } = this.#options;
    const askedAt = performance.now();
    const [seconds, micros] = await redis.time();
    const roundTripMs = performance.now() - askedAt;
    const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000 + roundTripMs / 2;
    const aheadMs = this.#system.call(Date) - redisMs;
    const isFar = Math.abs(aheadMs) > TOLERATED_MS + roundTripMs;
    if (Math.abs((isFar ? aheadMs : 0) - this.#aheadMs) <= TOLERATED_MS) return;
    this.#correct(isFar ? aheadMs : 0);
    if (isFar) onCorrected(aheadMs);
  }

  #correct(aheadMs: number): void {
    this.#aheadMs = aheadMs;
    Date.now = aheadMs === 0 ? this.#system : () => this.#system.call(Date) - Math.round(aheadMs);
  }
}
