import { toError } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { createClient } from './create-client.ts';
import type { RedisAddress } from './redis-address.ts';
import { nodeErrorOf, refusalOf } from './redis-refusal.ts';
import { parseRedisUrl, redactRedisUrl } from './redis-url.ts';
import { writingWhenFull } from './script.ts';
import { withTimeout } from './with-timeout.ts';

/** No Redis answers at the address. The message names the address without the password. */
export class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
  readonly code = 'REDIS_UNREACHABLE';
}

/** To learn why a node of a cluster cannot be reached. */
const NODE_TIMEOUT_MS = 1_000;
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
  const redis = createClient(address, {
    maxRetriesPerRequest: null,
    // First within 100 ms: a restarted Redis must be noticed long before a lock expires. At most 2
    // s.
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), 2_000),
    reconnectOnError: ({ message }) => DEMOTED.test(message),
    enableAutoPipelining: !isForQueue,
    // ioredis waits even for a stream that is closed already, which delays the end of the process.
    disconnectTimeout: 200,
  });
  const report = (error: Error & { readonly command?: { readonly name?: string } }): void => {
    // ioredis would go on in database 0.
    if (error.command?.name === 'select') {
      redis.disconnect(true);
    }
    onError(error);
  };
  // Of the only server, of all nodes of a cluster, of one node, of one Sentinel.
  for (const event of ['error', 'node error', 'sentinelError']) {
    redis.on(event, report);
  }
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
  let refusal: Error | undefined;
  const { promise: refused, resolve: refuse } = Promise.withResolvers<undefined>();
  const redis = openRedis(url, (error) => {
    lastError = error;
    refusal ??= refusalOf(error, place);
    if (refusal !== undefined) {
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
    const reason = nodeErrorOf(error) ?? error;
    const why = await reasonAtFirstNode(url, reason);
    throw (
      refusal ??
      refusalOf(error, place) ??
      new RedisUnreachableError(
        `Redis at ${place} cannot be reached: ` +
          `${why.message || 'connection refused'} (tried for ${timeoutMs / 1000} s)`,
        { cause: error },
      )
    );
  }
}

/** ioredis does not tell why the nodes of a cluster cannot be reached: one of them is asked. */
async function reasonAtFirstNode(url: string | RedisAddress, otherwise: unknown): Promise<Error> {
  const address = typeof url === 'string' ? parseRedisUrl(url) : url;
  if (!('cluster' in address)) {
    return toError(otherwise);
  }
  const { cluster, natMap: _, ...rest } = address;
  const redis = openProbe({ ...rest, ...cluster[0], db: 0 }, NODE_TIMEOUT_MS);
  let reason: Error | undefined;
  redis.on('error', (error) => (reason = error));
  try {
    await redis.connect();
  } catch {
    // What is wrong was emitted before.
  } finally {
    redis.disconnect();
  }
  return reason ?? toError(otherwise);
}

/**
 * A client that is not connected yet, does one thing and gives up after the first failure.
 *
 * @param timeoutMs to connect, and for each answer
 */
export function openProbe(address: RedisAddress, timeoutMs: number): Redis {
  const redis = createClient(address, {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 200,
  });
  // Commands reject with the same error; without a listener it would be thrown as well.
  redis.on('error', () => undefined);
  return redis;
}
