import { openProbe, type RedisAddress } from '@fetchfleet/fleet';
import { withTimeout } from '@fetchfleet/service';

const TIMEOUT_MS = 2_000;

/**
 * Whether Redis accepts a write over a new connection. If it does, a connection that gets no answer
 * is stuck; if not, Redis is away, paused or loading, and no connection is to blame. A full Redis
 * accepts this write, as it accepts those that work its queue off.
 *
 * @param key is deleted
 */
export async function redisTakesWrites(address: RedisAddress, key: string): Promise<boolean> {
  const redis = openProbe(address, TIMEOUT_MS);
  try {
    const written = redis.connect().then(async () => redis.del(key));
    return await withTimeout(
      written.then(() => true),
      { timeoutMs: 2 * TIMEOUT_MS, onTimeout: () => false },
    );
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
