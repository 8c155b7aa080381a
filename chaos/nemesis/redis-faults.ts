import type { World } from '../fleet/world.ts';
import { type Fault, type Heal, NOTHING } from './fault.ts';

const DELAY_MS = 50;

/** What happens to Redis, and to the network before it. */
export const REDIS_FAULTS: readonly Fault[] = [
  redisFault('redis-kill', 'SIGKILL of Redis', [500, 15_000], async ({ redis }) => {
    await redis.master.kill();
    return async () => redis.restart();
  }),
  redisFault('redis-stop', 'SIGSTOP of Redis', [500, 20_000], async ({ redis }) => {
    const { master } = redis;
    master.freeze();
    return async () => master.thaw();
  }),
  redisFault('redis-slow', 'Redis is 50 ms away', [3_000, 15_000], async ({ redis }) => {
    redis.link.set({ kind: 'open', delayMs: DELAY_MS });
    return open(redis);
  }),
  redisFault('redis-cut', 'connections to Redis are refused', [500, 15_000], async ({ redis }) => {
    redis.link.set({ kind: 'cut' });
    return open(redis);
  }),
  redisFault('redis-mute', 'no byte comes from Redis', [500, 20_000], async ({ redis }) => {
    redis.link.set({ kind: 'mute' });
    return open(redis);
  }),
  redisFault(
    'redis-full',
    'Redis has reached its maxmemory',
    [1_000, 12_000],
    async ({ redis }) => {
      const limit = async (bytes: number): Promise<void> =>
        redis.ask(async (client) => void (await client.config('SET', 'maxmemory', String(bytes))));
      await limit(1024 * 1024);
      return async () => limit(0);
    },
  ),
  redisFault('redis-failover', 'the replica becomes the master', [0, 2_000], async (world) => {
    await world.redis.failOver();
    world.wasFailedOver = true;
    return async () => {
      await world.redis.rejoin();
      // What docs/operations.md wants after a failover.
      await world.resumeAll();
    };
  }),
  redisFault('redis-forgets-scripts', 'SCRIPT FLUSH', [0, 0], async ({ redis }) => {
    await redis.ask(async (client) => client.script('FLUSH'));
    return NOTHING;
  }),
];

function open({ link }: World['redis']): Heal {
  return async () => link.set({ kind: 'open', delayMs: 0 });
}

function redisFault(
  name: string,
  title: string,
  holdMs: Fault['holdMs'],
  inject: (world: World) => Promise<Heal>,
): Fault {
  return { name, title, group: 'redis', weight: 2, holdMs, inject };
}
