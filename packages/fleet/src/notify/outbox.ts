import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys, type ShardKeys } from '../redis/keys.ts';
import { inTurn } from '../shards/per-shard.ts';
import { Script } from '../redis/script.ts';
import { type OnPassedOver, passOver } from '../redis/stored-state.ts';
import { type OutboxEntry, parseEntry, withProblem } from './outbox-entry.ts';
import * as lua from './outbox.lua.ts';

/** A scan looks at so many entries at once: nearly always at all of them. */
const SCAN_COUNT = 1_000;

const scripts = {
  take: new Script(lua.TAKE, z.array(z.string())),
  remove: new Script(lua.REMOVE, z.number().int()),
  postpone: new Script(lua.POSTPONE, z.number().int()),
};

/** An entry that this process delivers, until its lease ends. */
export interface TakenEntry {
  readonly entry: OutboxEntry;
  readonly json: string;
}

/**
 * Notifications that wait. An entry is written in the same step as what it tells:
 *
 *     (nothing) ──a batch ends, is cancelled, …──▶ due ──take──▶ taken ──remove──▶ (nothing)
 *                                                   ▲             │ │
 *                                                   └──postpone───┘ └─lease ends─▶ due
 *
 * So each is delivered at least once, by whichever worker.
 */
export class Outbox {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #onPassedOver: OnPassedOver;
  #turn = 0;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#onPassedOver = onPassedOver;
  }

  /** Takes up to `count` entries that are due. One that no fleet has written is removed. */
  async take(count: number, leaseMs: number): Promise<TakenEntry[]> {
    const taken: TakenEntry[] = [];
    for (const shard of inTurn(this.#keys.shards, this.#turn++)) {
      if (taken.length < count) {
        taken.push(...(await this.#takeFrom(shard, count - taken.length, leaseMs)));
      }
    }
    return taken;
  }

  async #takeFrom(shard: ShardKeys, count: number, leaseMs: number): Promise<TakenEntry[]> {
    const flat = await scripts.take.run(this.#redis, bothOf(shard), [count, leaseMs]);
    const taken: TakenEntry[] = [];
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const [key = '', json = ''] = flat.slice(at, at + 2);
      const entry = await this.#parsed(key, json, shard);
      if (entry === undefined) {
        await this.remove({ key, shard: shard.index });
      } else {
        taken.push({ entry, json });
      }
    }
    return taken;
  }

  /** It is delivered, or given up. */
  async remove({ key, shard }: Pick<OutboxEntry, 'key' | 'shard'>): Promise<void> {
    await scripts.remove.run(this.#redis, this.#bothAt(shard), [key]);
  }

  /**
   * @param next.problem why it was not delivered. @default it was not tried
   * @param next.isAttempt whether a request was sent. @default true where there is a problem
   */
  async postpone(
    { entry, json }: TakenEntry,
    {
      dueInMs,
      problem,
      isAttempt = true,
    }: { readonly dueInMs: number; readonly problem?: string; readonly isAttempt?: boolean },
  ): Promise<void> {
    const attempts = entry.attempts + (isAttempt ? 1 : 0);
    const next = problem === undefined ? json : withProblem(json, attempts, problem);
    const keys = this.#bothAt(entry.shard);
    await scripts.postpone.run(this.#redis, keys, [entry.key, next, Math.ceil(dueInMs)]);
  }

  /** The notifications of a batch that are not delivered yet, the oldest first. */
  async waiting(batch: string): Promise<OutboxEntry[]> {
    const shard = this.#keys.shardOf(batch);
    const read = this.#scan(shard, `${batch}|*`);
    const found = (await passOver('the outbox', read, this.#onPassedOver)) ?? [];
    const entries = await Promise.all(
      found.map(async ([key, json]) => this.#parsed(key, json, shard)),
    );
    return entries.filter((one) => one !== undefined).toSorted((one, other) => one.at - other.at);
  }

  /** How many wait, and how many were lost since the fleet began. */
  async counts(): Promise<{ readonly waiting: number; readonly lost: number }> {
    const counts = await Promise.all(
      this.#keys.shards.map(async ({ outboxDue, outboxLost }) => {
        const read = Promise.all([this.#redis.zcard(outboxDue), this.#redis.get(outboxLost)]);
        return (await passOver('the outbox', read, this.#onPassedOver)) ?? ([0, null] as const);
      }),
    );
    return {
      waiting: counts.reduce((sum, [waiting]) => sum + waiting, 0),
      lost: counts.reduce((sum, [, lost]) => sum + (Number(lost ?? 0) || 0), 0),
    };
  }

  #bothAt(index: number): string[] {
    return bothOf(this.#keys.shards[index] ?? this.#keys.home);
  }

  async #scan(
    { outbox }: ShardKeys,
    pattern: string,
  ): Promise<(readonly [key: string, json: string])[]> {
    const found = new Map<string, string>();
    let cursor = '0';
    do {
      const [next, flat] = await this.#redis.hscan(
        outbox,
        cursor,
        'MATCH',
        pattern,
        'COUNT',
        SCAN_COUNT,
      );
      cursor = next;
      for (let at = 0; at + 1 < flat.length; at += 2) {
        found.set(flat[at] ?? '', flat[at + 1] ?? '');
      }
    } while (cursor !== '0');
    return [...found];
  }

  async #parsed(key: string, json: string, { index }: ShardKeys): Promise<OutboxEntry | undefined> {
    const read = async (): Promise<OutboxEntry> => parseEntry(key, json, index);
    return passOver('a notification', read(), this.#onPassedOver);
  }
}

function bothOf({ outbox, outboxDue }: ShardKeys): string[] {
  return [outbox, outboxDue];
}
