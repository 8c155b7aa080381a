import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '@fetchfleet/crawl';
import type { Claiming } from '../claiming.ts';
import type { Fetching } from '../fetching.ts';
import type { Recording } from '../recording.ts';
import { redisTakesWrites } from './redis-probe.ts';
import { Watchdog } from './watchdog.ts';
import type { WorkerBase } from '../worker-base.ts';

/** How long a connection may take for a trifle before it counts as stuck. */
const ANSWER_PATIENCE_MS = 1_000;
/** How long new connections are waited for; they go on trying after that. */
const REBUILD_PATIENCE_MS = 5_000;

/** The parts of a worker that tell how it is, and those that can be renewed. */
interface WatchedParts {
  readonly base: WorkerBase;
  readonly recording: Pick<Recording, 'recorder'>;
  readonly fetching: Pick<Fetching, 'fetcher'>;
  readonly claiming: Pick<Claiming, 'claims' | 'loop'>;
  readonly onHopeless: (reason: string) => void;
}

/** The watchdog of one worker. */
export function watchOver(parts: WatchedParts): Watchdog {
  const { settings, keys, progress, presence, log } = parts.base;
  const draining = parts.base.draining.signal;
  const { recorder } = parts.recording;
  const { fetcher } = parts.fetching;
  const { loop } = parts.claiming;
  return new Watchdog({
    stallTimeoutMs: settings.stallTimeout,
    // While it claims, an answer has to come soon, whatever else goes on.
    silenceMs: () => (loop.isClaiming ? progress.claimed.silenceMs : progress.silenceMs),
    isExcused: () => draining.aborted || !recorder.isReady || (!loop.isClaiming && fetcher.isBusy),
    waitsFor: () => (loop.isClaiming ? 'an answer to a claim' : 'fetches to start or end'),
    probe: async () => redisTakesWrites(settings.redisUrl, keys.probe),
    rebuild: async () => rebuild(parts),
    onWedged: (reason) => log.warn({ reason }, 'worker is stuck; it takes new connections'),
    onRebuilt: () => log.warn('new connections to Redis'),
    onRecovered: () => log.info('worker makes progress again'),
    onHopeless: parts.onHopeless,
    onError: (error) => presence.failed(toError(error)),
  });
}

/** Open claims are kept, unless they expire meanwhile: then their slices run elsewhere, as those of a worker that died. */
async function rebuild({ base, claiming }: WatchedParts): Promise<void> {
  base.metrics.rebuilds.inc();
  // Shared ones are replaced only if they are stuck. What was asked through them is asked again.
  await Promise.all(
    [base.redis, base.queueRedis].map(async (redis) => {
      const answer = redis.ping().catch(() => undefined); // whatever it is, it came
      if (!(await inTime(answer, ANSWER_PATIENCE_MS))) redis.disconnect(true);
    }),
  );
  await inTime(claiming.claims.rebuild(), REBUILD_PATIENCE_MS);
}

/** False if the work takes longer; it goes on all the same. */
async function inTime(work: Promise<unknown>, patienceMs: number): Promise<boolean> {
  const patience = new AbortController();
  const late = sleep(patienceMs, false, { signal: patience.signal });
  late.catch(() => undefined); // aborted, as the work was quicker
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    patience.abort();
  }
}
