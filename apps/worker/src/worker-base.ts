import { VERSION } from '@fetchfleet/crawl';
import { type FleetKeys, fleetKeys, openRedis, Workers } from '@fetchfleet/fleet';
import { createMetrics, type Logger, type Metrics } from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import type { WorkerSettings } from './config.ts';
import { Permits } from './origin/permits.ts';
import { WorkerHeartbeat } from './health/worker-heartbeat.ts';
import { Progress } from './health/progress.ts';

/** What all parts of one worker stand on. */
export interface WorkerBase {
  readonly id: string;
  readonly settings: WorkerSettings;
  readonly log: Logger;
  readonly keys: FleetKeys;
  readonly redis: Redis;
  /** BullMQ's own: its scripts make every pipeline dear. */
  readonly queueRedis: Redis;
  readonly metrics: Metrics;
  readonly presence: WorkerHeartbeat;
  readonly permits: Permits;
  readonly progress: Progress;
  /** Aborted when the worker drains. */
  readonly draining: AbortController;
  /** Aborted when the drain deadline has passed. */
  readonly expired: AbortController;
}

export function createBase(options: {
  readonly id: string;
  readonly settings: WorkerSettings;
  readonly log: Logger;
}): WorkerBase {
  const { id, settings } = options;
  const { redisUrl, transport } = settings;
  const log = options.log.child({ worker: id });
  const keys = fleetKeys(settings.fleet);
  const redis = openRedis(redisUrl, (error) => presence.failed(error));
  const workers = new Workers(redis, keys);
  const presence = new WorkerHeartbeat({ redis, workers, worker: id, log });
  return {
    id,
    settings,
    log,
    keys,
    redis,
    queueRedis: openRedis(redisUrl, (error) => presence.failed(error), { isForQueue: true }),
    metrics: createMetrics({ worker: id, version: VERSION, transport }),
    presence,
    permits: new Permits(settings.concurrency),
    progress: new Progress(),
    draining: new AbortController(),
    expired: new AbortController(),
  };
}
