import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { BatchState } from '../ledger/batch-status.ts';
import { BACKLOG, BATCHES } from './fleet-overview.lua.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { HOLD } from '../ledger/ledger.lua.ts';
import { Origins } from '../gate/origins.ts';
import type { OriginStatus } from '../gate/origin-status.ts';
import { Script } from '../redis/script.ts';

/** Slices of a state that are looked at to tell what their fetches wait for; of more, these stand for all. */
const SAMPLE = 100;
const MAX_BATCHES = 2_000;
const MAX_UNFINISHED = 20;
const MAX_ORIGINS = 100;
/** A worker counts as there for so long after it was last seen. */
const SEEN_S = 15;
/** How long the worker that exports may be silent before another one takes over. */
const LEASE_MS = 15_000;

const count = z.number().int().nonnegative();

const scripts = {
  backlog: new Script(
    BACKLOG,
    z.tuple([count, count, count, count, count, count, count, count, count]),
  ),
  batches: new Script(BATCHES, z.array(z.array(z.string()))),
  hold: new Script(HOLD, z.number().int()),
};

/** What is the same whoever of the fleet looks: to be exported by one worker. */
export interface FleetSnapshot {
  /** Fetches that are queued and have no record, by what they wait for. */
  readonly backlog: {
    /** For a worker. */
    readonly runnable: number;
    /** For their origin. */
    readonly throttled: number;
    /** For a retry, or until their batch is resumed. */
    readonly delayed: number;
    /** For nothing: they are in slices that workers hold. */
    readonly active: number;
  };
  readonly slices: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed', number>>;
  /** Since the oldest fetch was enqueued whose batch is not paused or cancelled; 0 when there is none. */
  readonly oldestPendingSeconds: number;
  /** How many are in each state, of the 2,000 latest. */
  readonly batches: Readonly<Record<BatchState, number>>;
  /** The 20 latest. */
  readonly unfinished: readonly UnfinishedBatch[];
  readonly workers: number;
  readonly redisMemoryBytes: number;
  /** 0: unlimited. */
  readonly redisMemoryLimitBytes: number;
  /** The 100 that were worked on most recently. */
  readonly origins: readonly OriginStatus[];
}

interface UnfinishedBatch {
  readonly batch: string;
  readonly total: number;
  readonly settled: number;
  readonly failed: number;
}

/** The state of the fleet at a glance, at a price that does not grow with the queue: a few round trips, bounded scripts. */
export class FleetOverview {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #origins: Origins;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
    this.#origins = new Origins(redis, keys);
  }

  async read(): Promise<FleetSnapshot> {
    const [queue, { paused, ...ledger }, workers, memory, origins] = await Promise.all([
      this.#queue(),
      this.#ledger(),
      this.#workers(),
      this.#memory(),
      this.#recentOrigins(),
    ]);
    const backlog = { ...queue.backlog, delayed: queue.backlog.delayed + paused };
    return { ...queue, ...ledger, backlog, workers, ...memory, origins };
  }

  /**
   * The lease of the one worker that exports; call again to renew it, well within its 15 s.
   *
   * @returns until when it is held, by `performance.now()`; undefined while another worker has it
   */
  async holdExport(worker: string): Promise<number | undefined> {
    const askedAt = performance.now();
    const held = await scripts.hold.run(this.#redis, [this.#keys.exporter], [worker, LEASE_MS]);
    return held === 1 ? askedAt + LEASE_MS : undefined;
  }

  /** Another worker may export at once. */
  async releaseExport(worker: string): Promise<void> {
    await scripts.hold.run(this.#redis, [this.#keys.exporter], [worker, 0]);
  }

  async #queue(): Promise<Pick<FleetSnapshot, 'backlog' | 'slices' | 'oldestPendingSeconds'>> {
    const parts = ['wait', 'prioritized', 'active', 'delayed', 'failed'];
    const [prefix, suffix] = this.#batchKeyParts();
    const reply = await scripts.backlog.run(
      this.#redis,
      parts.map((part) => this.#keys.queue(part)),
      [this.#keys.queue(''), prefix, suffix, SAMPLE],
    );
    return {
      slices: { waiting: reply[0], active: reply[1], delayed: reply[2], failed: reply[3] },
      backlog: { runnable: reply[4], throttled: reply[5], delayed: reply[6], active: reply[7] },
      oldestPendingSeconds: reply[8] / 1000,
    };
  }

  async #ledger(): Promise<
    Pick<FleetSnapshot, 'batches' | 'unfinished'> & { readonly paused: number }
  > {
    const [prefix] = this.#batchKeyParts();
    const [flat = [], ...unfinished] = await scripts.batches.run(
      this.#redis,
      [this.#keys.batches],
      [prefix, MAX_BATCHES, MAX_UNFINISHED],
    );
    const found = new Map<string, number>();
    for (let i = 0; i + 1 < flat.length; i += 2) found.set(flat[i] ?? '', Number(flat[i + 1]));
    const stateCount = (state: BatchState): number => found.get(state) ?? 0;
    return {
      paused: found.get('unsettled') ?? 0,
      batches: {
        expanding: stateCount('expanding'),
        running: stateCount('running'),
        paused: stateCount('paused'),
        cancelled: stateCount('cancelled'),
        finished: stateCount('finished'),
      },
      unfinished: unfinished.map(([batch = '', total, settled, failed]) => ({
        batch,
        total: Number(total),
        settled: Number(settled),
        failed: Number(failed),
      })),
    };
  }

  async #workers(): Promise<number> {
    const [seconds] = await this.#redis.time();
    return this.#redis.zcount(this.#keys.workers, Number(seconds) - SEEN_S, '+inf');
  }

  async #memory(): Promise<Pick<FleetSnapshot, 'redisMemoryBytes' | 'redisMemoryLimitBytes'>> {
    const info = await this.#redis.info('memory');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    return { redisMemoryBytes: field('used_memory'), redisMemoryLimitBytes: field('maxmemory') };
  }

  async #recentOrigins(): Promise<OriginStatus[]> {
    const names = await this.#redis.zrevrange(this.#keys.origins, 0, MAX_ORIGINS - 1);
    return this.#origins.list(names);
  }

  /** What stands before and after the id of a batch in the key of its settled bitmap; the first is that of its hash, too. */
  #batchKeyParts(): [prefix: string, suffix: string] {
    const prefix = this.#keys.batch('');
    return [prefix, this.#keys.settled('').slice(prefix.length)];
  }
}
