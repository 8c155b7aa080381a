import type { TestRedis } from './redis/redis-provider.ts';

let kept: TestRedis | undefined;

/** Setup and teardown run in one process and share this module. */
export function keepForTeardown(redis: TestRedis): void {
  kept = redis;
}

export function takeFromSetup(): TestRedis | undefined {
  const redis = kept;
  kept = undefined;
  return redis;
}
