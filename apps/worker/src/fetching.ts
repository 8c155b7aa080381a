import { createFetcher, USER_AGENT } from '@fetchfleet/fetcher';
import { Gate, GateNews, RobotsStore, SliceQueue } from '@fetchfleet/fleet';
import { toError } from '@fetchfleet/service';
import { Lanes } from './origin/origin-schedulers.ts';
import { Robots } from './batch/robots.ts';
import { WatchedFetcher } from './health/watched-fetcher.ts';
import type { WorkerBase } from './worker-base.ts';

/** The parts of a worker that decide what may be fetched when, and fetch it. */
export interface Fetching {
  readonly fetcher: WatchedFetcher;
  readonly robots: Robots;
  readonly gateNews: GateNews;
  readonly queue: SliceQueue;
  readonly lanes: Lanes;
}

export function createFetching(base: WorkerBase): Fetching {
  const { id: worker, redis, keys, settings, presence, permits, log } = base;
  const { transport, allowPrivate, maxRetryAfter } = settings;
  const inner = createFetcher({ transport, allowPrivate, userAgent: USER_AGENT });
  const fetcher = new WatchedFetcher(inner, () => base.progress.fetched.beat());
  const robots = new Robots({ store: new RobotsStore(redis, keys), fetcher, worker });
  const gateNews = new GateNews(redis, keys);
  const queue = new SliceQueue(base.queueRedis, keys);
  const lanes = new Lanes({
    gate: new Gate({ redis, keys, worker }),
    permits,
    crawlDelayMs: (origin) => robots.crawlDelayMs(origin),
    maxBlockMs: maxRetryAfter,
    callBack: async (slices) => queue.callBack(slices),
    tellOthers: async (origin) => gateNews.tell(origin),
    log,
    onError: (error) => presence.failed(toError(error)),
  });
  return { fetcher, robots, gateNews, queue, lanes };
}
