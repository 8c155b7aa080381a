import { isBatchId } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { instantMs, type OnPassedOver, passOver, validIds } from '../redis/stored-state.ts';
import { ASK_TO_DRAIN, HEARTBEAT, LIST, REMOVE } from './workers.lua.ts';

/** A worker without a heartbeat for this long counts as gone: seven were missed. */
const GONE_AFTER_S = 15;
/** A worker that is gone is listed until then. */
const FORGET_AFTER_S = 15 * 60;

const listReply = z.tuple([z.number(), z.array(z.string()), z.array(z.string())]);

const scripts = {
  heartbeat: new Script(HEARTBEAT, z.number()),
  remove: new Script(REMOVE, z.number()),
  askToDrain: new Script(ASK_TO_DRAIN, z.number()),
  list: new Script(LIST, listReply),
};

const WORKER_ID = /^w-[a-z0-9]{1,40}$/;

const count = z.number().int().nonnegative();

const report = z.object({
  id: z.string().regex(WORKER_ID),
  host: z.string(),
  pid: count,
  version: z.string(),
  transport: z.string(),
  concurrency: count,
  inFlight: count,
  slices: count,
  batches: z.array(z.string().refine(isBatchId)),
  state: z.enum(['working', 'idle', 'draining', 'sink-failing']),
  roles: z.array(z.string()),
  fetchesPerSecond: z.number().nonnegative(),
  uptimeMs: instantMs,
  metricsUrl: z.string().optional(),
  allowPrivate: z.boolean().optional(),
  secrets: z.array(z.string()).optional(),
  allowProxy: z.array(z.string()).optional(),
  allowInsecureTls: z.boolean().optional(),
  proxy: z.string().optional(),
  memoryBytes: count.optional(),
  eventLoopLagMs: z.number().nonnegative().optional(),
  clockAheadMs: z.number().optional(),
});

/** Sent by each worker every two seconds. Contains no secrets. */
export interface WorkerReport {
  /** Unique in the fleet; each start of a worker has a new one. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly transport: string;
  /** Limit of its fetches in flight. */
  readonly concurrency: number;
  readonly inFlight: number;
  /** Claimed slices. */
  readonly slices: number;
  /** Ids of the batches it works on, at most twenty. */
  readonly batches: readonly string[];
  /**
   * `idle`: no fetch may start. `sink-failing`: records cannot be written, so nothing is fetched.
   */
  readonly state: 'working' | 'idle' | 'draining' | 'sink-failing';
  /** Tasks of the worker; every worker of this version reports `fetch`. */
  readonly roles: readonly string[];
  /** Records written per second, over the last few seconds. */
  readonly fetchesPerSecond: number;
  /** Since its start. */
  readonly uptimeMs: number;
  /** Address of its metrics, as seen from its host. */
  readonly metricsUrl?: string | undefined;
  /** Whether crawls may reach private addresses. Version 0.1 does not report it. */
  readonly allowPrivate?: boolean | undefined;
  /** What `--secrets` says, never which variables are set. Version 0.1 does not report it. */
  readonly secrets?: readonly string[] | undefined;
  /** What `--allow-proxy` says. Version 0.1 does not report it. */
  readonly allowProxy?: readonly string[] | undefined;
  /** Whether crawls may have certificates not checked. Version 0.1 does not report it. */
  readonly allowInsecureTls?: boolean | undefined;
  /** Hosts and ports of the proxies that all its fetches go through. @default none */
  readonly proxy?: string | undefined;
  /** Resident memory of its process. Version 0.1 does not report it. */
  readonly memoryBytes?: number | undefined;
  /**
   * How late its event loop is: the 99th percentile of at most the last minute. Version 0.1 does
   * not report it.
   */
  readonly eventLoopLagMs?: number | undefined;
  /**
   * How far the clock of its machine is ahead of that of Redis: 0 within a second. Version 0.1 does
   * not report it.
   */
  readonly clockAheadMs?: number | undefined;
}

/** A worker as the fleet knows it. Instants are ISO 8601, by the clock of Redis. */
export interface WorkerInfo extends Omit<WorkerReport, 'state' | 'uptimeMs'> {
  /** `gone`: no heartbeat for 15 s, and it did not stop in order. */
  readonly state: WorkerReport['state'] | 'gone';
  readonly startedAt: string;
  readonly lastSeenAt: string;
  /** Since {@link lastSeenAt}. */
  readonly silentMs: number;
}

/**
 * The register of workers. A worker that stops removes itself; one that was killed is listed as
 * gone for 15 minutes.
 */
export class Workers {
  readonly #redis: Redis;
  readonly #keys: readonly [string, string, string];
  readonly #onPassedOver: OnPassedOver;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
  ) {
    this.#redis = redis;
    this.#keys = [keys.workers, keys.workersInfo, keys.drains];
    this.#onPassedOver = onPassedOver;
  }

  /**
   * Registers the worker or renews it. Call it every two seconds; one round trip.
   *
   * @returns whether somebody has asked it to drain
   */
  async heartbeat(worker: WorkerReport): Promise<boolean> {
    const text = JSON.stringify({ ...worker, readsSeveralOrigins: true });
    const args = [worker.id, text, FORGET_AFTER_S];
    return (await scripts.heartbeat.run(this.#redis, this.#keys, args)) === 1;
  }

  /**
   * Lets a worker drain and end, as SIGTERM does; whoever has started it may start another one. It
   * learns that within two seconds. Version 0.1 does not ask.
   *
   * @returns whether such a worker is registered
   */
  async askToDrain(id: string): Promise<boolean> {
    const args = [id, FORGET_AFTER_S];
    return (await scripts.askToDrain.run(this.#redis, this.#keys, args)) === 1;
  }

  /** Removes a worker that has stopped in order. */
  async remove(id: string): Promise<void> {
    await scripts.remove.run(this.#redis, this.#keys, [id]);
  }

  /**
   * Running workers, and those that are gone for less than 15 minutes; by host, the oldest first.
   */
  async list(): Promise<WorkerInfo[]> {
    const listed = scripts.list.run(this.#redis, this.#keys, [FORGET_AFTER_S]);
    const found = await passOver('the list of workers', listed, this.#onPassedOver);
    const [nowMs, seen, reports] = found ?? [0, [], []];
    const workers = reports.map((json, at) => ({
      id: seen[2 * at] ?? '',
      seenAtSeconds: seen[2 * at + 1] ?? '',
      json,
    }));
    const ids = new Set(
      validIds(
        workers.map(({ id }) => id),
        { noun: 'the id of a worker', isId: (id) => WORKER_ID.test(id) },
        this.#onPassedOver,
      ),
    );
    const infos = await Promise.all(
      workers
        // Reports expire by themselves.
        .filter(({ id, json }) => ids.has(id) && json !== '')
        // Another version may report other fields: its worker is left out rather than shown wrong.
        .map(async (one) => passOver(`worker ${one.id}`, infoOf(one, nowMs), this.#onPassedOver)),
    );
    return infos
      .filter((one) => one !== undefined)
      .toSorted((a, b) => compare(a.host, b.host) || compare(a.startedAt, b.startedAt));
  }
}

interface Listed {
  readonly id: string;
  readonly seenAtSeconds: string;
  /** Its report. */
  readonly json: string;
}

async function infoOf({ id, seenAtSeconds, json }: Listed, nowMs: number): Promise<WorkerInfo> {
  const lastSeenMs = instantMs.parse(Number(seenAtSeconds) * 1_000);
  const { uptimeMs, state, ...rest } = report.parse(JSON.parse(json));
  const silentMs = Math.max(0, Math.round(nowMs - lastSeenMs));
  return {
    ...rest,
    id,
    state: silentMs > GONE_AFTER_S * 1_000 ? 'gone' : state,
    startedAt: new Date(lastSeenMs - uptimeMs).toISOString(),
    lastSeenAt: new Date(lastSeenMs).toISOString(),
    silentMs,
  };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
