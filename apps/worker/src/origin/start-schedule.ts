import type { GateAnswer } from '@fetchfleet/fleet';
import type { RedisClock } from './redis-clock.ts';

/**
 * A start may be this late at any rate. The gate spaces starts by 2 % more than the limit asks for,
 * so a start up to this late cannot meet punctual ones and exceed the limit in any second.
 */
export const MAX_LATE_MS = 10;
/** No start is later than this, however slow its origin is: as long as a busy worker stalls. */
const MAX_SLOW_LATE_MS = 250;
/** As many slots as a second allows are spread over so much time. */
const SPACED_SECOND_MS = 1_020;
/** Spacings come in whole µs. */
const ROUNDING = 1e-3;
/** A start that is due within this time is made at once instead of by a timer. */
export const AT_ONCE_MS = 0.5;

/** For what workers do not know of the clock of Redis. */
const CLOCK_MS = 10;

/**
 * How much later than its slot a request may be sent, ms.
 *
 * What is sent in a second has slots within 1 s and the longest delay d: with slots s apart and a
 * burst of b, at most (1 s + d) ÷ s + b. That must be no more than the limit r of a second allows,
 * which is r + b. Slots are 2 % wider than the limit asks: r = 1.02 s ÷ s. So d is at most
 * (⌊r⌋ + 1) × s - 1 s, and part of it is for clocks.
 */
function maxDelayMs(spacingMs: number): number {
  const inSecond = Math.floor(SPACED_SECOND_MS / spacingMs + ROUNDING);
  return (inSecond + 1) * spacingMs - 1_000 - CLOCK_MS;
}

/**
 * How much later than its slot a start may be made, ms. A later one is not made: half of the delay
 * is for its connection.
 *
 * @param spacingMs of the granted slots
 */
export function maxLateMs(spacingMs: number): number {
  return Math.max(MAX_LATE_MS, Math.min(maxDelayMs(spacingMs) / 2, MAX_SLOW_LATE_MS));
}

/**
 * How late a request may be sent, counted from its start, ms.
 *
 * @param spacingMs of the granted slots; 0 where the rate is not limited
 * @param startLateMs how much later than its slot the start was made
 * @default startLateMs as late as may be
 */
export function sendWithinMs(spacingMs: number, startLateMs?: number): number {
  return spacingMs === 0
    ? Infinity
    : Math.max(0, maxDelayMs(spacingMs) - (startLateMs ?? maxLateMs(spacingMs)));
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

interface ScheduledStart {
  /** False if it was promised without. */
  readonly hasPermit: boolean;
  /** See {@link maxLateMs}. */
  readonly maxLateMs: number;
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
      const slotAt = Math.max(firstAt + i * spacingMs, expectedAt);
      this.#addSlot(slotAt, now(), { hasPermit: hasPermits, maxLateMs: maxLateMs(spacingMs) });
    }
  }

  /**
   * A reserved slot, whose start holds a permit.
   *
   * @param slotAt as `performance.now()`
   */
  addSlot(slotAt: number, now: number): void {
    this.#addSlot(slotAt, now, { hasPermit: true, maxLateMs: MAX_LATE_MS });
  }

  /** Gives up all scheduled starts. */
  clear(): void {
    for (const [timer, hasPermit] of this.#timers) {
      clearTimeout(timer);
      this.#options.giveUp(hasPermit);
    }
    this.#timers.clear();
  }

  #addSlot(slotAt: number, now: number, start: ScheduledStart): void {
    const inMs = slotAt - now;
    if (inMs <= AT_ONCE_MS) {
      this.#startIfInTime(slotAt, start);
    } else {
      this.#startLater(slotAt, inMs, start);
    }
  }

  #startLater(slotAt: number, inMs: number, start: ScheduledStart): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#startIfInTime(slotAt, start);
    }, inMs);
    this.#timers.set(timer, start.hasPermit);
  }

  #startIfInTime(slotAt: number, { hasPermit, maxLateMs: maxMs }: ScheduledStart): void {
    const lateMs = this.#options.now() - slotAt;
    if (lateMs > maxMs) {
      this.#options.giveUp(hasPermit);
    } else {
      this.#options.start(Math.max(0, lateMs), hasPermit);
    }
  }
}
