import { toError } from '@fetchfleet/crawl';
import { createFetcher, type Fetcher, USER_AGENT } from '@fetchfleet/fetcher';
import { Gate, GateNotifications, RobotsStore, SliceQueue } from '@fetchfleet/fleet';
import { OriginSchedulers } from './origin/origin-schedulers.ts';
import { Robots } from './batch/robots.ts';
import type { WorkerBase } from './worker-base.ts';

/** The parts of a worker that decide what may be fetched when, and fetch it. */
export interface Fetching {
  readonly fetcher: Fetcher;
  readonly robots: Robots;
  readonly gateNotifications: GateNotifications;
  readonly queue: SliceQueue;
  readonly schedulers: OriginSchedulers;
}

export function createFetching(base: WorkerBase): Fetching {
  const { id: worker, redis, keys, settings, presence, permits, log } = base;
  const { transport, allowPrivate } = settings;
  const fetcher = createFetcher({
    transport,
    allowPrivate,
    userAgent: USER_AGENT,
    onEnd: () => base.progress.fetched.beat(),
  });
  const robots = new Robots({ store: new RobotsStore(redis, keys), fetcher, worker });
  const gateNotifications = new GateNotifications(redis, keys);
  const queue = new SliceQueue(base.queueRedis, keys);
  const schedulers = new OriginSchedulers({
    gate: new Gate({ redis, keys, worker }),
    permits,
    crawlDelayMs: (origin) => robots.crawlDelayMs(origin),
    wakeSlices: async (slices) => queue.wakeSlices(slices),
    tellOthers: async (origin) => gateNotifications.publish(origin),
    log,
    onError: (error) => presence.failed(toError(error)),
  });
  return { fetcher, robots, gateNotifications, queue, schedulers };
}
