import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ADVANCE_CLOCK } from './fair-clock.lua.ts';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';

const advance = new Script(ADVANCE_CLOCK, z.number().int());

/** Redis is told at most this often; a new flow may come that much too early. */
const TELL_MS = 100;
/** No base is ever this: the first message only asks. */
const UNKNOWN_ERA = -1;

/**
 * The worker's side of taking turns: tells the virtual time in Redis which tag was claimed last. A message that is lost or late only
 * lets new flows start a little earlier, so nobody waits for it.
 */
export class FairProgress {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  /** The base that tags are counted from, as far as is known here. */
  #era = UNKNOWN_ERA;
  /** The latest tag claimed in this era since the last message; 0 is none. */
  #tag = 0;
  #hasNews = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #telling: Promise<void> | undefined;

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Learns the era. */
  async start(): Promise<void> {
    await this.#tell();
  }

  /** To be noted before a claim: tags of an era that is over by the end of the claim cannot be compared. */
  get era(): number {
    return this.#era;
  }

  /** A slice of this tag was claimed; `era` as it was before. */
  claimed(era: number, tag: number): void {
    this.#hasNews = true;
    if (era === this.#era) this.#tag = Math.max(this.#tag, tag);
    if (performance.now() - this.#toldAt >= TELL_MS) this.flush();
  }

  /** Tells what was kept back. */
  flush(): void {
    if (!this.#hasNews || this.#telling !== undefined) return;
    this.#toldAt = performance.now();
    this.#telling = this.#tell()
      // Redis is away, and whoever claims hears of it: the next claim brings a later tag.
      .catch(() => undefined)
      .finally(() => {
        this.#telling = undefined;
      });
  }

  /** Resolves when no message is under way. */
  async stop(): Promise<void> {
    await this.#telling;
  }

  async #tell(): Promise<void> {
    const tag = this.#tag;
    this.#hasNews = false;
    this.#tag = 0;
    const era = await advance.run(this.#redis, [this.#keys.fairClock], [this.#era, tag]);
    if (era === this.#era) return;
    this.#era = era;
    this.#tag = 0;
  }
}
