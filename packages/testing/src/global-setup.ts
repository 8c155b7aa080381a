import { keepForTeardown } from './global-state.ts';
import { findRedis } from './redis/redis-provider.ts';

/** Jest's global setup: a Redis for all tests of a package, its address in `REDIS_URL`. */
export default async function globalSetup(): Promise<void> {
  const redis = await findRedis(process.env);
  keepForTeardown(redis);
  process.env['REDIS_URL'] = redis.url;
}
