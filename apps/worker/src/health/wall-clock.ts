import type { Redis } from 'ioredis';

const CHECK_MS = 10_000;
/** Synchronised clocks may differ by this much, and an answer may be this slow. */
const TOLERANCE_MS = 1_000;

export interface WallClockOptions {
  readonly redis: Redis;
  /** This machine's clock was found to be wrong by `aheadMs`, and is not followed from now on. */
  readonly onCorrected: (aheadMs: number) => void;
}

/**
 * Makes `Date.now()` go on evenly. It follows this machine's clock as long as that agrees with
 * Redis, and the clock of Redis where it is more than a second off. Between two checks it follows
 * the clock that never jumps.
 *
 * BullMQ uses `Date.now()` to decide when a delayed slice comes back: one clock that is an hour off
 * would bring slices an hour early or late for the whole fleet. And a clock that jumps in the
 * middle of a request would make that request take an hour, of which the gate tells all workers.
 */
export class WallClock {
  readonly #options: WallClockOptions;
  readonly #system = Date.now;
  /** What this clock shows is so much more than `performance.now()`. */
  #anchorMs = 0;
  /** How wrong this machine's clock was at the last check; 0 within the tolerance. */
  #aheadMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WallClockOptions) {
    this.#options = options;
  }

  /** Resolves after the first check, which waits for Redis to answer. */
  async start(): Promise<void> {
    this.#anchorMs = this.#systemMs() - performance.now();
    Date.now = () => Math.floor(performance.now() + this.#anchorMs);
    await this.#check();
    this.#timer ??= setInterval(() => {
      this.#check().catch(() => undefined); // Redis is away: the next check corrects the clock
    }, CHECK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    Date.now = this.#system;
  }

  async #check(): Promise<void> {
    const { redis, onCorrected } = this.#options;
    const askedAt = performance.now();
    const [seconds, micros] = await redis.time();
    const now = performance.now();
    const roundTripMs = now - askedAt;
    const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000 + roundTripMs / 2;
    const isFar = (ms: number): boolean => Math.abs(ms - redisMs) > TOLERANCE_MS + roundTripMs;
    const systemMs = this.#systemMs();
    const wasAheadMs = this.#aheadMs;
    this.#aheadMs = isFar(systemMs) ? systemMs - redisMs : 0;
    if (this.#aheadMs === 0) {
      this.#anchorMs = systemMs - now;
    } else if (isFar(now + this.#anchorMs)) {
      this.#anchorMs = redisMs - now;
    }
    if (this.#aheadMs !== 0 && Math.abs(this.#aheadMs - wasAheadMs) > TOLERANCE_MS) {
      onCorrected(this.#aheadMs);
    }
  }

  #systemMs(): number {
    return this.#system.call(Date);
  }
}
