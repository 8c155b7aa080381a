import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { BatchStatus } from '../ledger/batch-status.ts';
import type { LedgerReader } from '../ledger/ledger-reader.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { expiredBatches, isKeeper, keptBatches } from './retention.ts';
import type { Schedule } from './schedule.ts';
import * as lua from './schedule.lua.ts';

/** Batches that are read at once. */
const CHUNK = 50;
/** Nothing older is counted: fewer newer ones only make a batch stay. */
const MAX_NEWEST = 2_000;

const adopt = new Script(lua.ADOPT, z.number().int());

/** The batches that a schedule has started, and which of them it does not keep any more. */
export class ScheduleBatches {
  readonly #redis: Redis;
  readonly #ledger: Pick<LedgerReader, 'status' | 'statuses'>;
  readonly #keys: FleetKeys;

  constructor(
    redis: Redis,
    ledger: Pick<LedgerReader, 'status' | 'statuses'>,
    keys: FleetKeys = fleetKeys(),
  ) {
    this.#redis = redis;
    this.#ledger = ledger;
    this.#keys = keys;
  }

  async count(schedule: string): Promise<number> {
    return this.#redis.zcard(this.#keys.scheduleBatches(schedule));
  }

  /** The oldest batches that the schedule does not keep any more, at most fifty. */
  async expired({ id, terms, runs }: Schedule, nowMs: number): Promise<BatchStatus[]> {
    const { keep } = terms;
    if (keep === undefined) {
      return [];
    }
    await this.#adopt(id, runs);
    const newest = await this.#newest(id, keptBatches(keep));
    const oldest = await this.#read(id, await this.#oldest(id));
    return expiredBatches(keep, { newest, oldest, nowMs });
  }

  /** The batch is removed. */
  async forget(schedule: string, batch: string): Promise<void> {
    await this.#redis.zrem(this.#keys.scheduleBatches(schedule), batch);
  }

  /** As many as hold so many keepers. */
  async #newest(schedule: string, kept: number): Promise<BatchStatus[]> {
    const found: BatchStatus[] = [];
    for (let from = 0; ; from += CHUNK) {
      const ids = await this.#redis.zrevrange(
        this.#keys.scheduleBatches(schedule),
        from,
        from + CHUNK - 1,
      );
      found.push(...(await this.#ledger.statuses(ids)));
      const isEnough = found.filter(isKeeper).length >= kept;
      if (isEnough || ids.length < CHUNK || from >= MAX_NEWEST) {
        return found;
      }
    }
  }

  async #oldest(schedule: string): Promise<string[]> {
    return this.#redis.zrange(this.#keys.scheduleBatches(schedule), 0, String(CHUNK - 1));
  }

  /** Forgets those that a person has removed. */
  async #read(schedule: string, ids: readonly string[]): Promise<BatchStatus[]> {
    const found = await this.#ledger.statuses(ids);
    const known = new Set(found.map(({ batch }) => batch));
    for (const batch of ids.filter((id) => !known.has(id))) {
      // One that cannot be read stays.
      const status = await this.#ledger.status(batch).catch(() => null);
      if (status === undefined) {
        await this.forget(schedule, batch);
      }
    }
    return found;
  }

  /** Takes over what was started before schedules knew their batches; once. */
  async #adopt(schedule: string, runs: Schedule['runs']): Promise<void> {
    const started = runs.flatMap(({ state, batch, decidedAt }) =>
      state === 'started' && batch !== undefined ? [String(decidedAt), batch] : [],
    );
    const keys = [this.#keys.schedule(schedule), this.#keys.scheduleBatches(schedule)];
    await adopt.run(this.#redis, keys, started);
  }
}
