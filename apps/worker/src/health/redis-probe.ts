import { parseRedisUrl } from '@fetchfleet/fleet';
import { Redis } from 'ioredis';

const PATIENCE_MS = 2_000;

/**
 * Whether Redis takes a write from somebody who comes anew: what tells a connection of ours that is stuck from a Redis that is
 * away, paused, full or loading, for which nobody here is to blame.
 *
 * @param key is written, and expires at once
 */
export async function redisTakesWrites(url: string, key: string): Promise<boolean> {
  const target = parseRedisUrl(url);
  const options = {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: PATIENCE_MS,
    commandTimeout: PATIENCE_MS,
    disconnectTimeout: 200,
  };
  const redis =
    typeof target === 'string' ? new Redis(target, options) : new Redis({ ...target, ...options });
  // What fails is told by the answer below; a listener keeps it from being thrown as well.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.set(key, '1', 'PX', PATIENCE_MS);
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
