import { setTimeout as sleep } from 'node:timers/promises';
import type { SliceClaims } from '@fetchfleet/fleet';
import { Heartbeat, type Logger, type Metrics, toError } from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import type { ClaimLoop } from './claim-loop.ts';
import type { WorkerSettings } from './config.ts';
import type { Presence } from './presence.ts';
import type { Recorder } from './recorder.ts';
import { redisTakesWrites } from './redis-probe.ts';
import type { WatchedFetcher } from './watched-fetcher.ts';
import { Watchdog } from './watchdog.ts';

/** How long new connections are waited for; they go on trying after that. */
const REBUILD_PATIENCE_MS = 5_000;

/** What a worker is told by of its progress. */
export class Progress {
  /** Beats when a claim is answered. */
  readonly claimed = new Heartbeat();
  /** Beats when a fetch ends. */
  readonly fetched = new Heartbeat();

  /** Since either. */
  get silenceMs(): number {
    return Math.min(this.claimed.silenceMs, this.fetched.silenceMs);
  }
}

/** The parts of a worker that tell how it is, and those that can be renewed. */
interface WatchedParts {
  readonly settings: Pick<WorkerSettings, 'redisUrl' | 'stallTimeout'>;
  readonly progress: Progress;
  readonly loop: ClaimLoop;
  readonly fetcher: WatchedFetcher;
  readonly recorder: Recorder;
  readonly presence: Presence;
  readonly draining: AbortSignal;
  readonly claims: SliceClaims;
  readonly redis: Redis;
  /** Key that is written to see whether Redis takes writes. */
  readonly probeKey: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly onHopeless: (reason: string) => void;
}

/** The watchdog of one worker. */
export function watchOver(parts: WatchedParts): Watchdog {
  const { settings, progress, loop, fetcher, recorder, presence, draining, log } = parts;
  return new Watchdog({
    stallTimeoutMs: settings.stallTimeout,
    // While it claims, an answer has to come soon, whatever else goes on.
    silenceMs: () => (loop.isClaiming ? progress.claimed.silenceMs : progress.silenceMs),
    isExcused: () => draining.aborted || !recorder.isReady || (!loop.isClaiming && fetcher.isBusy),
    waitsFor: () => (loop.isClaiming ? 'an answer to a claim' : 'fetches to start or end'),
    probe: async () => redisTakesWrites(settings.redisUrl, parts.probeKey),
    rebuild: async () => rebuild(parts),
    onWedged: (reason) => log.warn({ reason }, 'worker is stuck; it takes new connections'),
    onRebuilt: () => log.warn('new connections to Redis'),
    onRecovered: () => log.info('worker makes progress again'),
    onHopeless: parts.onHopeless,
    onError: (error) => presence.failed(toError(error)),
  });
}

/** Open claims are kept, unless they expire meanwhile: then their slices run elsewhere, as those of a worker that died. */
async function rebuild({ metrics, presence, redis, claims }: WatchedParts): Promise<void> {
  metrics.rebuilds.inc();
  // The shared one is replaced only if it is the one that is stuck. What was asked through it is asked again.
  if (!presence.isConnected) redis.disconnect(true);
  const patience = new AbortController();
  await Promise.race([
    claims.rebuild(),
    sleep(REBUILD_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
}
