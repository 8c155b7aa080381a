import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { GONE, LIST, SEEN } from './workers.lua.ts';

/** A worker that has been silent for this long counts as gone: seven missed beats. */
const GONE_AFTER_S = 15;
/** … and is not listed any more after this long. */
const FORGET_AFTER_S = 15 * 60;

const scripts = {
  seen: new Script(SEEN, z.number()),
  gone: new Script(GONE, z.number()),
  list: new Script(LIST, z.tuple([z.number(), z.array(z.string()), z.array(z.string())])),
};

const report = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.number().int(),
  version: z.string(),
  transport: z.string(),
  concurrency: z.number().int(),
  inFlight: z.number().int(),
  slices: z.number().int(),
  batches: z.array(z.string()),
  state: z.enum(['working', 'idle', 'draining', 'sink-failing']),
  roles: z.array(z.string()),
  fetchesPerSecond: z.number(),
  uptimeMs: z.number(),
  metricsUrl: z.string().optional(),
});

/** What a worker tells of itself every few seconds. Nothing in it is secret. */
export interface WorkerReport {
  /** Unique in the fleet, and new with every start of a worker. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly transport: string;
  /** The most fetches that it has in flight. */
  readonly concurrency: number;
  readonly inFlight: number;
  /** Slices that it has claimed. */
  readonly slices: number;
  /** Ids of batches that it fetches just now; the first twenty. */
  readonly batches: readonly string[];
  /** `idle`: it could fetch, and nothing may start. `sink-failing`: records cannot be written, so nothing is fetched. */
  readonly state: 'working' | 'idle' | 'draining' | 'sink-failing';
  /** What it does: `fetch`, and what else it is there for. */
  readonly roles: readonly string[];
  /** Records written, over the last few seconds. */
  readonly fetchesPerSecond: number;
  /** Since its start. */
  readonly uptimeMs: number;
  /** Where its metrics are, as its own host sees it. */
  readonly metricsUrl?: string | undefined;
}

/** A worker as the fleet knows it. Instants are ISO 8601, by the clock of Redis. */
export interface WorkerInfo extends Omit<WorkerReport, 'state' | 'uptimeMs'> {
  /** `gone`: it has not been heard of for 15 s, and did not take its leave. */
  readonly state: WorkerReport['state'] | 'gone';
  readonly startedAt: string;
  readonly lastSeenAt: string;
  /** Since {@link lastSeenAt}. */
  readonly silentMs: number;
}

/** The register of workers. Whoever ends in order is taken out; whoever was killed shows as gone for 15 minutes. */
export class Workers {
  readonly #redis: Redis;
  readonly #keys: readonly [string, string];

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = [keys.workers, keys.workersInfo];
  }

  /** To be called every two seconds. One round trip. */
  async seen(worker: WorkerReport): Promise<void> {
    const args = [worker.id, JSON.stringify(worker), FORGET_AFTER_S];
    await scripts.seen.run(this.#redis, this.#keys, args);
  }

  /** It has ended in order. */
  async gone(id: string): Promise<void> {
    await scripts.gone.run(this.#redis, this.#keys, [id]);
  }

  /** All that are there, and those that vanished within 15 minutes; by host, the longest there first. */
  async list(): Promise<WorkerInfo[]> {
    const [nowMs, seen, told] = await scripts.list.run(this.#redis, this.#keys, [FORGET_AFTER_S]);
    return told
      .flatMap((json, at) => {
        const found = report.safeParse(parsed(json));
        // Another version of the program tells other things: it is left out rather than shown wrong.
        if (!found.success) return [];
        return [infoOf(found.data, Number(seen[at * 2 + 1]) * 1_000, nowMs)];
      })
      .toSorted((a, b) => compare(a.host, b.host) || compare(a.startedAt, b.startedAt));
  }
}

function infoOf(worker: z.infer<typeof report>, lastSeenMs: number, nowMs: number): WorkerInfo {
  const { uptimeMs, state, ...rest } = worker;
  const silentMs = Math.max(0, Math.round(nowMs - lastSeenMs));
  return {
    ...rest,
    state: silentMs > GONE_AFTER_S * 1_000 ? 'gone' : state,
    startedAt: new Date(lastSeenMs - uptimeMs).toISOString(),
    lastSeenAt: new Date(lastSeenMs).toISOString(),
    silentMs,
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
