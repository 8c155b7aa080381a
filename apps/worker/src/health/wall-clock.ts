import { CLOCK_TOLERANCE_MS, type ClockReading, readClock } from '@fetchfleet/fleet';
import type { Every } from '@fetchfleet/service';
import type { Redis } from 'ioredis';

const CHECK_MS = 10_000;
/** At the start, when answers wait for a process that is busy with starting. */
const FIRST_CHECKS = 3;

export interface WallClockOptions {
  readonly redis: Redis;
  readonly every: Every;
  /** Of the queue: its server is the one whose clock counts. */
  readonly key: string;
  /** Whether `Date.now()` may be replaced: not in a process that does other work as well. */
  readonly isOwnProcess: boolean;
  /** This machine's clock was found to be wrong by `aheadMs`; a process of ours follows Redis. */
  readonly onCorrected: (aheadMs: number) => void;
  /** Redis has told its time. */
  readonly onRead?: (reading: ClockReading) => void;
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
  #stopTimer: (() => void) | undefined;

  constructor(options: WallClockOptions) {
    this.#options = options;
  }

  /** How far this machine's clock is ahead of that of Redis; 0 within a second of it. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** Resolves after the first checks, which wait for Redis to answer. */
  async start(): Promise<void> {
    if (this.#options.isOwnProcess) {
      this.#anchorMs = this.#systemMs() - performance.now();
      Date.now = () => Math.floor(performance.now() + this.#anchorMs);
    }
    for (let n = 0; n < FIRST_CHECKS; n += 1) {
      // One after the other: an answer that came late must not stand alone.
      await this.#check();
    }
    this.#stopTimer ??= this.#options.every(CHECK_MS, () => {
      this.#check().catch(() => undefined); // Redis is away: the next check corrects the clock
    });
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#options.isOwnProcess) {
      Date.now = this.#system;
    }
  }

  async #check(): Promise<void> {
    const { redis, key, onCorrected, onRead } = this.#options;
    const reading = await readClock({ redis, key }, () => this.#systemMs());
    const { aheadMs, isFar } = reading;
    onRead?.(reading);
    const now = performance.now();
    const wasAheadMs = this.#aheadMs;
    this.#aheadMs = isFar ? aheadMs : 0;
    if (this.#aheadMs === 0) {
      this.#anchorMs = this.#systemMs() - now;
    } else {
      const redisMs = this.#systemMs() - aheadMs;
      if (Math.abs(now + this.#anchorMs - redisMs) > CLOCK_TOLERANCE_MS) {
        this.#anchorMs = redisMs - now;
      }
    }
    if (this.#aheadMs !== 0 && Math.abs(this.#aheadMs - wasAheadMs) > CLOCK_TOLERANCE_MS) {
      onCorrected(this.#aheadMs);
    }
  }

  #systemMs(): number {
    return this.#system.call(Date);
  }
}
