import { toError } from '@fetchfleet/crawl';
import { Redis } from 'ioredis';
import { refusalOf } from './redis-refusal.ts';
import { parseRedisUrl, redactRedisUrl, type RedisAddress } from './redis-url.ts';
import { writingWhenFull } from './script.ts';
import { withTimeout } from './with-timeout.ts';

/** No Redis answers at the address. The message names the address without the password. */
export class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
  readonly code = 'REDIS_UNREACHABLE';
}

/** A replica refuses writes, and unblocks whoever waits when it becomes one. */
const DEMOTED = /(?:^|-)(?:READONLY|UNBLOCKED)\b/;

/**
 * A client that reconnects for ever, whose commands wait until Redis is back. For workers; the
 * blocking reads of BullMQ need it. Connection errors go to `onError` and are never thrown.
 *
 * It reconnects as well when Redis has become a replica: after a failover the same address leads to
 * the new master, but only for new connections.
 *
 * @param options.isForQueue BullMQ defines some sixty scripts on its client, and each automatic
 *   pipeline copies them all. A client for BullMQ has no automatic pipelines, which saves a busy
 *   worker some 5 µs of CPU a fetch. @default false
 */
export function openRedis(
  url: string | RedisAddress,
  onError: (error: Error) => void,
  { isForQueue = false }: { readonly isForQueue?: boolean } = {},
): Redis {
  const address = typeof url === 'string' ? parseRedisUrl(url) : url;
  const redis = new Redis({
    ...address,
    maxRetriesPerRequest: null,
    // First within 100 ms: a restarted Redis must be noticed long before a lock expires. At most 2
    // s.
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), 2_000),
    reconnectOnError: ({ message }) => DEMOTED.test(message),
    enableAutoPipelining: !isForQueue,
    // ioredis waits even for a stream that is closed already, which delays the end of the process.
    disconnectTimeout: 200,
  });
  redis.on('error', (error: Error & { readonly command?: { readonly name?: string } }) => {
    // ioredis would go on in database 0.
    if (error.command?.name === 'select') {
      redis.disconnect(true);
    }
    onError(error);
  });
  letQueueWriteWhenFull(redis);
  return redis;
}

/**
 * BullMQ defines its scripts on the client. Those that claim, renew and end jobs must run on a full
 * Redis, or the queue that fills it is never worked off. Those that add jobs must not.
 */
function letQueueWriteWhenFull(redis: Redis): void {
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, definition) => {
    const isAdding = /^add[A-Z]/.test(name);
    const lua = isAdding ? definition.lua : writingWhenFull(definition.lua);
    define(name, { ...definition, lua });
  };
}

/**
 * A connected client, for commands that people wait for.
 *
 * @param options.timeoutMs time to connect and to answer. @default 10_000
 * @throws RedisUnreachableError if there is no answer by then; RedisRefusedError or RedisUrlError
 *   at once if Redis refuses user, password or database
 */
export async function connectRedis(
  url: string | RedisAddress,
  options: { readonly timeoutMs?: number } = {},
): Promise<Redis> {
  const { timeoutMs = 10_000 } = options;
  const place = redactRedisUrl(url);
  let lastError: Error | undefined;
  const { promise: refused, resolve: refuse } = Promise.withResolvers<undefined>();
  const redis = openRedis(url, (error) => {
    lastError = error;
    if (refusalOf(error, place) !== undefined) {
      refuse(undefined);
    }
  });
  try {
    const answered = Promise.race([redis.ping(), refused]);
    if ((await withTimeout(answered, timeoutMs)) === undefined) {
      throw lastError ?? new Error('no answer');
    }
    return redis;
  } catch (error) {
    redis.disconnect();
    throw (
      refusalOf(lastError, place) ??
      refusalOf(error, place) ??
      new RedisUnreachableError(
        `Redis at ${place} cannot be reached: ` +
          `${toError(error).message || 'connection refused'} (tried for ${timeoutMs / 1000} s)`,
        { cause: error },
      )
    );
  }
}
