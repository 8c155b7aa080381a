import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { OriginStatus } from '../origins/origin-status.ts';
import { Origins } from '../origins/origins.ts';
import type { BatchState } from '../ledger/batch-status.ts';
import { HOLD } from '../ledger/ledger.lua.ts';
import { type FleetKeys, fleetKeys, type ShardKeys } from '../redis/keys.ts';
import { newestFirst } from '../redis/newest-first.ts';
import { DocumentScript, Script } from '../redis/script.ts';
import { type OnPassedOver, passOver } from '../redis/stored-state.ts';
import { infoOf, isCluster, timeOf } from '../redis/servers.ts';
import { BatchRemoval } from '../batch/batch-removal.ts';
import { Outbox } from '../notify/outbox.ts';
import { BACKLOG, BATCHES } from './fleet-overview.lua.ts';
import { type ScheduleFigures, ScheduleLook } from './schedule-look.ts';

/** Slices read per state. Of a longer queue they stand for all. */
const SAMPLE = 100;
const MAX_BATCHES = 2_000;
const MAX_UNFINISHED = 20;
const MAX_ORIGINS = 100;
/** A worker counts as running for this long after its last heartbeat. */
const RUNNING_S = 15;
/** An exporter that does not renew its lease for this long is replaced by another. */
const LEASE_MS = 15_000;

const count = z.number().int().nonnegative();

const backlogReply = z.object({
  slices: z.object({ waiting: count, active: count, delayed: count, failed: count }),
  fetches: z.object({ runnable: count, throttled: count, delayed: count, active: count }),
  oldestMs: count,
});

const batchesReply = z.object({
  states: z.record(z.string(), count),
  pausedFetches: count,
  unfinished: z
    .array(
      z.object({ batch: z.string(), at: z.string(), total: count, settled: count, failed: count }),
    )
    .default([]),
});

type Backlog = z.infer<typeof backlogReply>;
type Batches = z.infer<typeof batchesReply>;

const NO_BACKLOG: Backlog = {
  slices: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  fetches: { runnable: 0, throttled: 0, delayed: 0, active: 0 },
  oldestMs: 0,
};
const NO_BATCHES: Batches = { states: {}, pausedFetches: 0, unfinished: [] };

interface BacklogDocument {
  readonly slicePrefix: string;
  readonly batchPrefix: string;
  readonly settledSuffix: string;
  readonly sample: number;
}

interface BatchesDocument {
  readonly batchPrefix: string;
  readonly batches: number;
  readonly unfinished: number;
}

const scripts = {
  backlog: new DocumentScript<BacklogDocument, typeof backlogReply>(BACKLOG, backlogReply),
  batches: new DocumentScript<BatchesDocument, typeof batchesReply>(BATCHES, batchesReply),
  hold: new Script(HOLD, z.number().int()),
};

/** Metrics of the whole fleet, exported by one process. */
export interface FleetSnapshot {
  /** Queued fetches without a record. */
  readonly backlog: {
    /** They wait for a worker. */
    readonly runnable: number;
    /** They wait for their origin. */
    readonly throttled: number;
    /** They wait for a retry, or for their batch to be resumed. */
    readonly delayed: number;
    /** They are in slices that workers have claimed. */
    readonly active: number;
  };
  readonly slices: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed', number>>;
  /**
   * Age of the oldest queued slice whose batch is neither paused nor cancelled; 0 if there is none.
   */
  readonly oldestPendingSeconds: number;
  /** Number in each state, among the 2,000 latest; of several shards, an equal part of each. */
  readonly batches: Readonly<Record<BatchState, number>>;
  /** The 20 latest. */
  readonly unfinished: readonly UnfinishedBatch[];
  /** The first 100, in alphabetical order. */
  readonly schedules: readonly ScheduleFigures[];
  /** When one of all schedules next needs a worker, in epoch milliseconds; absent if none will. */
  readonly nextRunMs?: number;
  readonly notifications: { readonly waiting: number; readonly lost: number };
  /** Results that wait for a worker that has their folder. */
  readonly removalsWaiting: number;
  readonly workers: number;
  /** 0 where the user of Redis may not know it. */
  readonly redisMemoryBytes: number;
  /** 0 where Redis has no limit, or does not tell it. */
  readonly redisMemoryLimitBytes: number;
  /** The 100 that workers worked on most recently. */
  readonly origins: readonly OriginStatus[];
}

interface UnfinishedBatch {
  readonly batch: string;
  readonly total: number;
  readonly settled: number;
  readonly failed: number;
}

/** Reads the state of the fleet in a few round trips. The cost does not grow with the queue. */
export class FleetOverview {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #origins: Origins;
  readonly #schedules: ScheduleLook;
  readonly #outbox: Outbox;
  readonly #removal: BatchRemoval;
  readonly #onPassedOver: OnPassedOver;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#origins = new Origins(redis, keys, onPassedOver);
    this.#schedules = new ScheduleLook(redis, keys, onPassedOver);
    this.#outbox = new Outbox(redis, keys, onPassedOver);
    this.#removal = new BatchRemoval(redis, keys, onPassedOver);
    this.#onPassedOver = onPassedOver;
  }

  async read(): Promise<FleetSnapshot> {
    const [queue, batches, workers, memory, origins, schedules, outbox, removals] =
      await Promise.all([
        this.#queue(),
        this.#batches(),
        this.#workers(),
        this.#memory(),
        this.#recentOrigins(),
        this.#schedules.read(),
        this.#outbox.counts(),
        this.#removal.waiting(),
      ]);
    const { fetches, slices, oldestMs } = queue;
    const { states, pausedFetches, unfinished } = batches;
    return {
      backlog: { ...fetches, delayed: fetches.delayed + pausedFetches },
      slices,
      oldestPendingSeconds: oldestMs / 1000,
      batches: states,
      unfinished,
      ...schedules,
      notifications: outbox,
      removalsWaiting: removals,
      workers,
      ...memory,
      origins,
    };
  }

  /** Age of the oldest queued slice whose batch is neither paused nor cancelled. */
  async oldestPendingMs(): Promise<number> {
    return (await this.#queue()).oldestMs;
  }

  /** How much memory Redis uses, and may use at most; 0 where it has no limit, or is not known. */
  async memory(): Promise<Pick<FleetSnapshot, 'redisMemoryBytes' | 'redisMemoryLimitBytes'>> {
    return this.#memory();
  }

  /**
   * Takes or renews the lease of the one process that exports. Renew it well within its 15 s.
   *
   * @returns its end by `performance.now()`; undefined while another one has it
   */
  async holdExport(id: string): Promise<number | undefined> {
    const askedAt = performance.now();
    const held = await scripts.hold.run(this.#redis, [this.#keys.exporter], [id, LEASE_MS]);
    return held === 1 ? askedAt + LEASE_MS : undefined;
  }

  /** Ends the lease: another process may export at once. */
  async releaseExport(id: string): Promise<void> {
    await scripts.hold.run(this.#redis, [this.#keys.exporter], [id, 0]);
  }

  async #queue(): Promise<Backlog> {
    const each = await Promise.all(this.#keys.shards.map(async (shard) => this.#backlogOf(shard)));
    return {
      slices: sumOf(each.map(({ slices }) => slices)),
      fetches: sumOf(each.map(({ fetches }) => fetches)),
      oldestMs: Math.max(...each.map(({ oldestMs }) => oldestMs)),
    };
  }

  async #backlogOf({ queue, batchPrefix }: ShardKeys): Promise<Backlog> {
    const sets = ['wait', 'prioritized', 'active', 'delayed', 'failed'].map(queue);
    const settledSuffix = this.#keys.settled('').slice(this.#keys.batch('').length);
    const question = { slicePrefix: queue(''), batchPrefix, settledSuffix, sample: SAMPLE };
    const read = scripts.backlog.run(this.#redis, sets, question);
    return (await passOver('the queue of slices', read, this.#onPassedOver)) ?? NO_BACKLOG;
  }

  async #batches() {
    const { shards } = this.#keys;
    const each = await Promise.all(shards.map(async (shard) => this.#batchesOf(shard)));
    const states = sumOf(each.map((one) => one.states));
    const inState = (state: BatchState): number => states[state] ?? 0;
    return {
      pausedFetches: each.reduce((sum, { pausedFetches }) => sum + pausedFetches, 0),
      unfinished: newestFirst(
        each.map(({ unfinished }) =>
          unfinished.map(({ at, ...counts }) => ({ name: counts.batch, score: at, counts })),
        ),
      )
        .slice(0, MAX_UNFINISHED)
        .map(({ counts }) => counts),
      states: {
        expanding: inState('expanding'),
        running: inState('running'),
        paused: inState('paused'),
        cancelled: inState('cancelled'),
        finished: inState('finished'),
      },
    };
  }

  async #batchesOf({ batches, batchPrefix }: ShardKeys): Promise<Batches> {
    const read = scripts.batches.run(this.#redis, [batches], {
      batchPrefix,
      batches: Math.ceil(MAX_BATCHES / this.#keys.shards.length),
      unfinished: MAX_UNFINISHED,
    });
    return (await passOver('the list of batches', read, this.#onPassedOver)) ?? NO_BATCHES;
  }

  async #workers(): Promise<number> {
    const now = await timeOf(this.#redis, this.#keys.workers);
    const since = Math.floor(now / 1_000) - RUNNING_S;
    const read = this.#redis.zcount(this.#keys.workers, since, '+inf');
    return (await passOver('the list of workers', read, this.#onPassedOver)) ?? 0;
  }

  async #memory(): Promise<Pick<FleetSnapshot, 'redisMemoryBytes' | 'redisMemoryLimitBytes'>> {
    const asked = isCluster(this.#redis) ? this.#keys.shards : [this.#keys.home];
    const each = await Promise.all(
      asked.map(async ({ queue }) => memoryIn(await infoOf(this.#redis, queue('wait'), 'memory'))),
    );
    // Of several servers the fullest says when there is no more room.
    const [fullest] = each.toSorted((one, other) => fillOf(other) - fillOf(one));
    return fullest ?? { redisMemoryBytes: 0, redisMemoryLimitBytes: 0 };
  }

  async #recentOrigins(): Promise<OriginStatus[]> {
    const read = this.#redis.zrevrange(this.#keys.origins, 0, MAX_ORIGINS - 1);
    const names = await passOver('the list of origins', read, this.#onPassedOver);
    return this.#origins.list(names ?? []);
  }
}

type Memory = Pick<FleetSnapshot, 'redisMemoryBytes' | 'redisMemoryLimitBytes'>;

function memoryIn(info: string): Memory {
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { redisMemoryBytes: field('used_memory'), redisMemoryLimitBytes: field('maxmemory') };
}

/** The share in use; without a limit, the one with more in use counts as fuller. */
function fillOf({ redisMemoryBytes, redisMemoryLimitBytes }: Memory): number {
  return redisMemoryBytes / (redisMemoryLimitBytes || Number.MAX_SAFE_INTEGER);
}

function sumOf<Name extends string>(each: readonly Readonly<Record<Name, number>>[]) {
  const [first, ...others] = each;
  const sum: Record<string, number> = { ...first };
  for (const one of others) {
    for (const [name, added] of Object.entries<number>(one)) {
      sum[name] = (sum[name] ?? 0) + added;
    }
  }
  return sum as Record<Name, number>; // it has the names of the first one
}
