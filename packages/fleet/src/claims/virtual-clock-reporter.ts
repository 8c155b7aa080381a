import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { ShardKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { ADVANCE_CLOCK } from '../queue/virtual-clock.lua.ts';

const advance = new Script(ADVANCE_CLOCK, z.number().int());

/** At most one report in this time. A new flow may start earlier by as much. */
const REPORT_INTERVAL_MS = 100;
/** No base is ever this: the first report only reads the base. */
const UNKNOWN_BASE = -1;

/**
 * The worker's side of fair queueing: advances the virtual clock in Redis to the priority of the
 * slice claimed last. A report that is lost or late only lets new flows start a little earlier, so
 * nothing waits for it.
 */
export class VirtualClockReporter {
  readonly #redis: Redis;
  readonly #keys: ShardKeys;
  /** The base that priorities count from, as last read. */
  #baseEpoch = UNKNOWN_BASE;
  /** The latest priority claimed since the last report, counted from that base. 0: none. */
  #latest = 0;
  #isDirty = false;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #reporting: Promise<void> | undefined;

  constructor(redis: Redis, keys: ShardKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Reads the base epoch. */
  async start(): Promise<void> {
    await this.#report();
  }

  /**
   * Read it before a claim: priorities of a base that is raised during the claim do not compare.
   */
  get baseEpoch(): number {
    return this.#baseEpoch;
  }

  /**
   * A slice of this priority was claimed.
   *
   * @param baseEpoch as it was before the claim
   */
  claimed(baseEpoch: number, priority: number): void {
    this.#isDirty = true;
    if (baseEpoch === this.#baseEpoch) {
      this.#latest = Math.max(this.#latest, priority);
    }
    if (performance.now() - this.#reportedAt >= REPORT_INTERVAL_MS) {
      this.flush();
    }
  }

  /** Reports claims that were not reported yet. */
  flush(): void {
    if (!this.#isDirty || this.#reporting !== undefined) {
      return;
    }
    this.#reportedAt = performance.now();
    this.#reporting = this.#report()
      // Redis cannot be reached, and the claims fail as well: the next claim has a later priority.
      .catch(() => undefined)
      .finally(() => {
        this.#reporting = undefined;
      });
  }

  /** Resolves when no report is under way. */
  async stop(): Promise<void> {
    await this.#reporting;
  }

  async #report(): Promise<void> {
    const priority = this.#latest;
    this.#isDirty = false;
    this.#latest = 0;
    const keys = [this.#keys.virtualClock];
    const baseEpoch = await advance.run(this.#redis, keys, [this.#baseEpoch, priority]);
    if (baseEpoch === this.#baseEpoch) {
      return;
    }
    this.#baseEpoch = baseEpoch;
    this.#latest = 0;
  }
}
