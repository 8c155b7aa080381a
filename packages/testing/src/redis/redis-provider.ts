import { startRedisContainer } from './redis-container.ts';
import { startRedis } from './redis.ts';

/** A Redis for a whole test run, and how to stop it again. */
export interface TestRedis {
  readonly url: string;
  readonly rung: 'REDIS_URL' | 'container' | 'redis-server';
  stop(): Promise<void>;
}

/**
 * Finds a Redis for tests: `REDIS_URL`; else a container, where an engine answers; else a local
 * `redis-server`. Where there is none of them it throws: tests are never skipped in silence.
 */
export async function findRedis(env: NodeJS.ProcessEnv): Promise<TestRedis> {
  const given = env['REDIS_URL'];
  if (given !== undefined && given !== '') {
    return { url: given, rung: 'REDIS_URL', stop: async () => undefined };
  }
  const failures: unknown[] = [];
  try {
    const container = await startRedisContainer(env);
    if (container !== undefined) return { ...container, rung: 'container' };
  } catch (error) {
    failures.push(error);
  }
  try {
    const redis = await startRedis();
    return { url: redis.url, rung: 'redis-server', stop: async () => redis.dispose() };
  } catch (error) {
    failures.push(error);
  }
  throw new AggregateError(
    failures,
    'Tests need a Redis and there is none: set REDIS_URL, start a container engine, or install redis-server (apt-get install redis-server, brew install redis)',
  );
}
