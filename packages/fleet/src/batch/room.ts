import { setTimeout as sleep } from 'node:timers/promises';
import { hasNoRoom, type RedisMemory } from '../queue/redis-memory.ts';

/** Between two looks at a Redis that is full, or has no limit. */
const POLL_MS = 1_000;

export interface RoomOptions {
  readonly memory: () => Promise<RedisMemory | undefined>;
  /** Called once, before the first wait. */
  readonly onFull: (memory: RedisMemory) => void;
  readonly signal: AbortSignal;
}

/** Waits while Redis has no room for more slices: workers make room when they end theirs. */
export class Room {
  readonly #options: RoomOptions;
  #isReported = false;
  /** On the `performance.now()` clock. A Redis without a limit is not asked before. */
  #nextLookMs = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  async wait(): Promise<void> {
    if (performance.now() < this.#nextLookMs) {
      return;
    }
    const { memory, onFull, signal } = this.#options;
    for (;;) {
      const found = await memory();
      if (found === undefined) {
        this.#nextLookMs = performance.now() + POLL_MS;
        return;
      }
      if (!hasNoRoom(found)) {
        return;
      }
      if (!this.#isReported) {
        this.#isReported = true;
        onFull(found);
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}
