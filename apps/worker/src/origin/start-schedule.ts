import type { GateAnswer } from '@fetchfleet/fleet';
import type { RedisClock } from './redis-clock.ts';

/**
 * A start that is later than this is not made. The gate spaces starts by 2 % more than the limit
 * asks for, so a start up to this late cannot meet punctual ones and exceed the limit in any
 * second.
 */
export const MAX_LATE_MS = 10;
/** As many slots as a second allows are spread over so much time. */
const SPACED_SECOND_MS = 1_020;
/** Spacings come in whole µs. */
const ROUNDING = 1e-3;
/** A start that is due within this time is made at once instead of by a timer. */
export const AT_ONCE_MS = 0.5;

/** For what workers do not know of the clock of Redis. */
const CLOCK_MS = 10;

/**
 * How late a request may be sent, counted from its start, ms.
 *
 * What is sent in a second has slots within 1 s and the longest delay d: with slots s apart and a
 * burst of b, at most (1 s + d) ÷ s + b. That must be no more than the limit r of a second allows,
 * which is r + b. Slots are 2 % wider than the limit asks: r = 1.02 s ÷ s. So d is at most
 * (⌊r⌋ + 1) × s - 1 s, and part of it is for clocks and for the start itself, which may be late.
 *
 * @param spacingMs of the granted slots; 0 where the rate is not limited
 * @param startLateMs how much later than its slot the start was made, at most
 */
export function sendWithinMs(spacingMs: number, startLateMs: number): number {
  if (spacingMs === 0) {
    return Infinity;
  }
  const inSecond = Math.floor(SPACED_SECOND_MS / spacingMs + ROUNDING);
  return Math.max(0, (inSecond + 1) * spacingMs - 1_000 - CLOCK_MS - startLateMs);
}

export interface StartScheduleOptions {
  readonly clock: Pick<RedisClock, 'toLocal'>;
  /** As `performance.now()`. */
  readonly now: () => number;
  /**
   * @param lateMs how much later than its slot it is
   * @param hasPermit false for one that was promised without
   */
  readonly start: (lateMs: number, hasPermit: boolean) => void;
  readonly giveUp: (hasPermit: boolean) => void;
}

/**
 * Starts that the gate has granted, each made in its time slot. For every granted start exactly one
 * of `start` and `giveUp` is called.
 */
export class StartSchedule {
  readonly #options: StartScheduleOptions;
  /** Whether the starts keep their permits. */
  readonly #timers = new Map<NodeJS.Timeout, boolean>();

  constructor(options: StartScheduleOptions) {
    this.#options = options;
  }

  /** Starts whose slot is still to come. */
  get size(): number {
    return this.#timers.size;
  }

  /**
   * @param hasPermits whether each of the starts holds a permit
   * @param leadMs see {@link RedisClock.leadMs}
   */
  add(
    {
      granted,
      firstInMs,
      spacingMs,
      nowMs,
    }: Pick<GateAnswer, 'granted' | 'firstInMs' | 'spacingMs' | 'nowMs'>,
    { leadMs, hasPermits }: { readonly leadMs: number; readonly hasPermits: boolean },
  ): void {
    const { clock, now } = this.#options;
    const firstAt = clock.toLocal(nowMs + firstInMs);
    const expectedAt = clock.toLocal(nowMs + leadMs);
    for (let i = 0; i < granted; i++) {
      if (spacingMs === 0) {
        this.#options.start(0, hasPermits);
        continue;
      }
      // The slots of a burst lie in the past: they count from the lead on.
      this.addSlot(Math.max(firstAt + i * spacingMs, expectedAt), now(), hasPermits);
    }
  }

  /** @param slotAt as `performance.now()` */
  addSlot(slotAt: number, now: number, hasPermit = true): void {
    const inMs = slotAt - now;
    if (inMs <= AT_ONCE_MS) {
      this.#startIfInTime(slotAt, hasPermit);
    } else {
      this.#startLater(slotAt, inMs, hasPermit);
    }
  }

  /** Gives up all scheduled starts. */
  clear(): void {
    for (const [timer, hasPermit] of this.#timers) {
      clearTimeout(timer);
      this.#options.giveUp(hasPermit);
    }
    this.#timers.clear();
  }

  #startLater(slotAt: number, inMs: number, hasPermit: boolean): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#startIfInTime(slotAt, hasPermit);
    }, inMs);
    this.#timers.set(timer, hasPermit);
  }

  #startIfInTime(slotAt: number, hasPermit: boolean): void {
    const lateMs = this.#options.now() - slotAt;
    if (lateMs > MAX_LATE_MS) {
      this.#options.giveUp(hasPermit);
    } else {
      this.#options.start(Math.max(0, lateMs), hasPermit);
    }
  }
}
