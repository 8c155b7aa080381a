import type { GateAnswer } from '@fetchfleet/fleet';
import type { RedisClock } from './redis-clock.ts';

/**
 * A start that is later than this is not made: the gate spaces starts by 2 % more than the limit asks, so up to here they cannot
 * meet those that are on time, in any second, and go beyond the limit.
 */
const MAX_LATE_MS = 10;

/** Starts that the gate has promised, each made when its slot comes, or given up when it comes too late. */
export class StartSchedule {
  readonly #clock: RedisClock;
  readonly #start: (isProbe: boolean) => void;
  readonly #giveUp: () => void;
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Exactly one of `start` and `giveUp` is called for every start that was promised. */
  constructor(options: {
    readonly clock: RedisClock;
    readonly start: (isProbe: boolean) => void;
    readonly giveUp: () => void;
  }) {
    this.#clock = options.clock;
    this.#start = options.start;
    this.#giveUp = options.giveUp;
  }

  /** Starts that are still to come. */
  get size(): number {
    return this.#timers.size;
  }

  /** @param leadMs how long the answer was expected to take */
  add({ granted, firstInMs, spacingMs, state, nowMs }: GateAnswer, leadMs: number): void {
    const firstAt = this.#clock.toLocal(nowMs + firstInMs);
    const expectedAt = this.#clock.toLocal(nowMs + leadMs);
    const isProbe = state === 'probing';
    for (let i = 0; i < granted; i++) {
      // What is left of a burst starts as soon as the answer was expected.
      const slotAt = spacingMs === 0 ? Infinity : Math.max(firstAt + i * spacingMs, expectedAt);
      const inMs = slotAt - performance.now();
      if (spacingMs === 0 || inMs <= 0.5) this.#startAt(slotAt, isProbe);
      else this.#startLater(slotAt, inMs);
    }
  }

  /** The origin has objected: what was promised is not started. */
  clear(): void {
    for (const timer of this.#timers) {
      clearTimeout(timer);
      this.#giveUp();
    }
    this.#timers.clear();
  }

  #startLater(slotAt: number, inMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#startAt(slotAt, false);
    }, inMs);
    this.#timers.add(timer);
  }

  #startAt(slotAt: number, isProbe: boolean): void {
    if (performance.now() - slotAt > MAX_LATE_MS) this.#giveUp();
    else this.#start(isProbe);
  }
}
