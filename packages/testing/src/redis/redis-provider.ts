import { startRedisContainer } from './redis-container.ts';
import { startRedis } from './redis.ts';

/** Redis for a whole test run. */
export interface TestRedis {
  readonly url: string;
  readonly source: 'REDIS_URL' | 'container' | 'redis-server';
  stop(): Promise<void>;
}

/**
 * Finds a Redis for tests: `REDIS_URL`, else the program that `REDIS_SERVER` names, else a
 * container if an engine answers, else a local `redis-server`. Throws if there is none: tests are
 * never skipped silently.
 */
export async function findRedis(env: NodeJS.ProcessEnv): Promise<TestRedis> {
  const given = env['REDIS_URL'];
  if (given !== undefined && given !== '') {
    return { url: given, source: 'REDIS_URL', stop: async () => undefined };
  }
  const failures: unknown[] = [];
  try {
    const container = env['REDIS_SERVER'] ? undefined : await startRedisContainer(env);
    if (container !== undefined) {
      return { ...container, source: 'container' };
    }
  } catch (error) {
    failures.push(error);
  }
  try {
    const redis = await startRedis();
    return { url: redis.url, source: 'redis-server', stop: async () => redis.dispose() };
  } catch (error) {
    failures.push(error);
  }
  throw new AggregateError(
    failures,
    'tests need Redis: set REDIS_URL, start a container engine, or install redis-server ' +
      '(apt-get install redis-server, brew install redis)',
  );
}
