import type { RedisAddress } from '@fetchfleet/fleet';
import { Redis } from 'ioredis';

const TIMEOUT_MS = 2_000;

/**
 * Whether Redis accepts a write over a new connection. If it does, a connection that gets no answer
 * is stuck; if not, Redis is away, paused or loading, and no connection is to blame. A full Redis
 * accepts this write, as it accepts those that work its queue off.
 *
 * @param key is deleted
 */
export async function redisTakesWrites(address: RedisAddress, key: string): Promise<boolean> {
  const redis = new Redis({
    ...address,
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    disconnectTimeout: 200,
  });
  // A failure is the answer `false`; without a listener it would be thrown as well.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.del(key);
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
