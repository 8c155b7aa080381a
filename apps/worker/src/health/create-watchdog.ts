import type { RedisAddress } from '@fetchfleet/fleet';
import { withTimeout } from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import type { Progress } from './progress.ts';
import { redisTakesWrites } from './redis-probe.ts';
import { Watchdog, type WatchdogOptions } from './watchdog.ts';

/** A connection that has not answered a ping after this long is stuck. */
const PING_TIMEOUT_MS = 1_000;
/** How long to wait for new connections; they keep trying after that. */
const REBUILD_TIMEOUT_MS = 5_000;

export interface WatchdogSources extends Pick<
  WatchdogOptions,
  'every' | 'stallTimeoutMs' | 'onStuck' | 'onRebuilt' | 'onRecovered' | 'onHopeless' | 'onError'
> {
  readonly isDraining: () => boolean;
  readonly progress: Progress;
  readonly claimLoop: { readonly isClaiming: boolean; readonly refusal: string | undefined };
  readonly recorder: { readonly isReady: boolean };
  readonly fetcher: { readonly isBusy: boolean };
  /** `key` is written to find out whether Redis works. */
  readonly redis: { readonly address: RedisAddress; readonly key: string };
  /** Connections that the whole worker shares. */
  readonly connections: readonly Redis[];
  /** Replaces the connections that claims wait on; open claims are kept. */
  readonly claims: { rebuild(): Promise<void> };
}

/**
 * The watchdog of a worker: what counts as progress, as an excuse, and how connections are
 * replaced.
 */
export function createWatchdog(sources: WatchdogSources): Watchdog {
  const { progress, claimLoop, recorder, fetcher, redis, isDraining, ...options } = sources;
  return new Watchdog({
    ...options,
    // A claim is answered within 5 s, so during a claim the end of a fetch does not count as
    // progress.
    silenceMs: () => (claimLoop.isClaiming ? progress.claimed.silenceMs : progress.silenceMs),
    isExcused: () => isDraining() || !recorder.isReady || (!claimLoop.isClaiming && fetcher.isBusy),
    refusal: () => claimLoop.refusal,
    waitsFor: () => (claimLoop.isClaiming ? 'an answer to a claim' : 'fetches to start or end'),
    probe: async () => redisTakesWrites(redis.address, redis.key),
    rebuild: async () => rebuild(sources),
  });
}

/**
 * Replaces the connections for claims, and a shared connection only if it is stuck: its client
 * sends the unanswered commands again. A claim that expires meanwhile runs in another worker.
 */
async function rebuild({ connections, claims }: WatchdogSources): Promise<void> {
  await Promise.all(
    connections.map(async (connection) => {
      const answer = connection.ping().catch(() => undefined); // an error is an answer as well
      if (!(await endsInTime(answer, PING_TIMEOUT_MS))) {
        connection.disconnect(true);
      }
    }),
  );
  await endsInTime(claims.rebuild(), REBUILD_TIMEOUT_MS);
}

async function endsInTime(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return withTimeout(
    work.then(() => true),
    { timeoutMs, onTimeout: () => false },
  );
}
