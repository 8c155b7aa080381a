import type { GateAnswer } from '@fetchfleet/fleet';
import type { RedisClock } from './redis-clock.ts';
import { AT_ONCE_MS, MAX_LATE_MS } from './start-schedule.ts';

/** Enough starts for this long are reserved: none can be made later after its slot. */
const AHEAD_MS = MAX_LATE_MS;
/** Bounds what one worker takes at once. */
const MAX_AHEAD = 250;
/** More is asked for when less than this part is left, so that nothing waits for the answer. */
const LOW = 1 / 3;
/** The same before the last of them lapses: an answer takes a turn or two of the event loop. */
const RENEW_MS = 6;

/** Times are as `performance.now()`. */
interface Slots {
  readonly spacingMs: number;
  /** Slots of a burst lie in the past: they count from the lead on. */
  readonly notBefore: number;
  nextAt: number;
  left: number;
}

/**
 * Starts that the gate has reserved for this worker at an origin whose rate is not used up. When a
 * fetch ends, the next one starts in a reserved slot without asking:
 *
 *     answer ─▶ granted starts ┬ reserved slots ─────────┐ then the slots of others
 *               for permits    │ each usable for 10 ms   │
 *               in hand        └ from its time on        │
 *
 * What is not used in time has lapsed. Nothing is reserved where others wait for the same slots.
 */
export class ReservedStarts {
  readonly #clock: Pick<RedisClock, 'toLocal'>;
  #slots: Slots[] = [];
  /** Left when the last answer came. */
  #size = 0;
  /** Starts since then. */
  #used = 0;
  /** When none of them can be made any more. */
  #lapsesAt = 0;
  #since = 0;

  constructor(clock: Pick<RedisClock, 'toLocal'>) {
    this.#clock = clock;
  }

  /** How many starts may still be made. */
  left(now: number): number {
    this.#dropLapsed(now);
    return this.#slots.reduce((sum, { left }) => sum + left, 0);
  }

  /** Whether to ask for more before they run out or lapse. */
  isLow(now: number): boolean {
    const isLapsing = now > this.#lapsesAt - RENEW_MS;
    return this.#size > 0 && (isLapsing || this.left(now) < this.#size * LOW);
  }

  /** How many to ask for: as many as are started while they last. What is left lapses before. */
  wanted(now: number): number {
    const elapsedMs = Math.max(1, now - this.#since);
    return Math.min(MAX_AHEAD, Math.ceil((this.#used / elapsedMs) * AHEAD_MS));
  }

  /**
   * The answer to an exchange has come.
   *
   * @param leadMs see {@link RedisClock.leadMs}
   */
  add(answer: GateAnswer, leadMs: number, now: number): void {
    const { reserved, granted, firstInMs, spacingMs, nowMs } = answer;
    if (reserved > 0) {
      const nextAt = this.#clock.toLocal(nowMs + firstInMs + granted * spacingMs);
      const notBefore = this.#clock.toLocal(nowMs + leadMs);
      this.#slots.push({ spacingMs, notBefore, nextAt, left: reserved });
      this.#lapsesAt = Math.max(notBefore, nextAt + reserved * spacingMs) + MAX_LATE_MS;
    }
    this.#size = this.left(now);
    this.#used = granted;
    this.#since = now;
  }

  /** Takes the next slot. @returns when to start; undefined if none is left */
  take(now: number): number | undefined {
    this.#dropLapsed(now);
    const [slots] = this.#slots;
    if (slots === undefined) {
      return undefined;
    }
    const at = timeOf(slots);
    slots.nextAt += slots.spacingMs;
    slots.left -= 1;
    this.#used += 1;
    return at;
  }

  /** As {@link take}, but only a slot that has come. @returns whether a fetch may start now */
  takeNow(now: number): boolean {
    this.#dropLapsed(now);
    const [slots] = this.#slots;
    const hasCome = slots !== undefined && timeOf(slots) - now <= AT_ONCE_MS;
    return hasCome && this.take(now) !== undefined;
  }

  /** Gives up all of them. */
  clear(): void {
    this.#slots = [];
    this.#size = 0;
  }

  #dropLapsed(now: number): void {
    for (const slots of this.#slots) {
      if (now - MAX_LATE_MS > timeOf(slots)) {
        const lateMs = now - MAX_LATE_MS - slots.nextAt;
        const lapsed = Math.min(slots.left, Math.ceil(lateMs / slots.spacingMs));
        slots.left -= lapsed;
        slots.nextAt += lapsed * slots.spacingMs;
      }
      if (slots.left > 0) {
        return;
      }
      this.#slots = this.#slots.filter((other) => other !== slots);
    }
  }
}

function timeOf({ nextAt, notBefore }: Slots): number {
  return Math.max(nextAt, notBefore);
}
