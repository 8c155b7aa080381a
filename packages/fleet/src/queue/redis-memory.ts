import type { Redis } from 'ioredis';
import { infoOf } from '../redis/servers.ts';

/** How full a Redis is that has a limit and refuses writes at it. */
export interface RedisMemory {
  readonly usedBytes: number;
  /** `maxmemory` of Redis. */
  readonly maxBytes: number;
}

/**
 * Enqueueing stops at this share of the memory of Redis. The rest is for working the queue off:
 * claims, limits of origins, bitmaps of the ledger. With less room, Redis would refuse the writes
 * of everything else that uses it.
 */
const MAX_SHARE = 0.8;

/** Whether nothing more is enqueued: see {@link MAX_SHARE}. */
export function hasNoRoom({ usedBytes, maxBytes }: RedisMemory): boolean {
  return usedBytes >= maxBytes * MAX_SHARE;
}

/**
 * How full the server is that has a key.
 *
 * @returns undefined if there is no limit, or the user of this connection may not know it
 */
export async function readRedisMemory(redis: Redis, key: string): Promise<RedisMemory | undefined> {
  try {
    return parseRedisMemory(await infoOf(redis, key, 'memory'));
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') {
      return undefined;
    }
    throw error;
  }
}

/**
 * @param info what `INFO memory` says
 * @returns undefined if there is no limit, or Redis drops other keys at it: such a Redis is always
 *   full, and refuses nothing
 */
export function parseRedisMemory(info: string): RedisMemory | undefined {
  const fields = new Map(
    info.split(/\r?\n/).map((line) => {
      const [name = '', value = ''] = line.split(':');
      return [name, value] as const;
    }),
  );
  const bytes = (name: string): number => Number(fields.get(name) ?? 0);
  const maxBytes = bytes('maxmemory');
  const isEvicting = fields.get('maxmemory_policy')?.startsWith('allkeys-') === true;
  if (maxBytes === 0 || isEvicting) {
    return undefined;
  }
  // Buffers for replicas and the append-only file do not count towards the limit.
  return { usedBytes: bytes('used_memory') - bytes('mem_not_counted_for_evict'), maxBytes };
}
