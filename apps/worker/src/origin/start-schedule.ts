import type { GateAnswer } from '@fetchfleet/fleet';
import type { RedisClock } from './redis-clock.ts';

/**
 * A start that is later than this is not made. The gate spaces starts by 2 % more than the limit
 * asks for, so a start up to this late cannot meet punctual ones and exceed the limit in any
 * second.
 */
export const MAX_LATE_MS = 10;
/** A start that is due within this time is made at once instead of by a timer. */
export const AT_ONCE_MS = 0.5;

export interface StartScheduleOptions {
  readonly clock: Pick<RedisClock, 'toLocal'>;
  /** As `performance.now()`. */
  readonly now: () => number;
  readonly start: () => void;
  readonly giveUp: () => void;
}

/**
 * Starts that the gate has granted, each made in its time slot. For every granted start exactly one
 * of `start` and `giveUp` is called.
 */
export class StartSchedule {
  readonly #options: StartScheduleOptions;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: StartScheduleOptions) {
    this.#options = options;
  }

  /** Starts whose slot is still to come. */
  get size(): number {
    return this.#timers.size;
  }

  /** @param leadMs see {@link RedisClock.leadMs} */
  add(
    {
      granted,
      firstInMs,
      spacingMs,
      nowMs,
    }: Pick<GateAnswer, 'granted' | 'firstInMs' | 'spacingMs' | 'nowMs'>,
    leadMs: number,
  ): void {
    const { clock, now } = this.#options;
    const firstAt = clock.toLocal(nowMs + firstInMs);
    const expectedAt = clock.toLocal(nowMs + leadMs);
    for (let i = 0; i < granted; i++) {
      if (spacingMs === 0) {
        this.#options.start();
        continue;
      }
      // The slots of a burst lie in the past: they count from the lead on.
      this.addSlot(Math.max(firstAt + i * spacingMs, expectedAt), now());
    }
  }

  /** @param slotAt as `performance.now()` */
  addSlot(slotAt: number, now: number): void {
    const inMs = slotAt - now;
    if (inMs <= AT_ONCE_MS) {
      this.#startIfInTime(slotAt);
    } else {
      this.#startLater(slotAt, inMs);
    }
  }

  /** Gives up all scheduled starts. */
  clear(): void {
    for (const timer of this.#timers) {
      clearTimeout(timer);
      this.#options.giveUp();
    }
    this.#timers.clear();
  }

  #startLater(slotAt: number, inMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#startIfInTime(slotAt);
    }, inMs);
    this.#timers.add(timer);
  }

  #startIfInTime(slotAt: number): void {
    if (this.#options.now() - slotAt > MAX_LATE_MS) {
      this.#options.giveUp();
    } else {
      this.#options.start();
    }
  }
}
