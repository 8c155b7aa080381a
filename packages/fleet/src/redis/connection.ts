import { toError } from '@fetchfleet/crawl';
import { Redis } from 'ioredis';
import { withTimeout } from './with-timeout.ts';

/** No Redis answers at the address. The message names the address without the password. */
export class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
  readonly code = 'REDIS_UNREACHABLE';
}

/** The text is not the URL of a Redis. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
  readonly code = 'REDIS_URL_INVALID';
}

const SCHEMES = ['redis:', 'rediss:', 'unix:'];

/** The address without user and password, for messages and logs. */
export function redactRedisUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@');
}

/**
 * Reads `redis://`, `rediss://` (TLS) and `unix:///path/to.sock`.
 *
 * @throws RedisUrlError for any other text
 */
export function parseRedisUrl(url: string): { readonly path: string } | string {
  if (!URL.canParse(url) || !SCHEMES.includes(new URL(url).protocol)) {
    throw new RedisUrlError(
      `"${redactRedisUrl(url)}" is not a Redis address; ` +
        'allowed: redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH',
    );
  }
  return url.startsWith('unix:') ? { path: decodeURIComponent(new URL(url).pathname) } : url;
}

/**
 * A client that reconnects for ever, whose commands wait until Redis is back. For workers; the
 * blocking reads of BullMQ need it. Connection errors go to `onError` and are never thrown.
 *
 * @param options.isForQueue BullMQ defines some sixty scripts on its client, and each automatic
 *   pipeline copies them all. A client for BullMQ has no automatic pipelines, which saves a busy
 *   worker some 5 µs of CPU a fetch. @default false
 */
export function openRedis(
  url: string,
  onError: (error: Error) => void,
  { isForQueue = false }: { readonly isForQueue?: boolean } = {},
): Redis {
  const target = parseRedisUrl(url);
  const options = {
    maxRetriesPerRequest: null,
    // First within 100 ms: a restarted Redis must be noticed long before a lock expires. At most 2
    // s.
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), 2_000),
    enableAutoPipelining: !isForQueue,
    // ioredis waits even for a stream that is closed already, which delays the end of the process.
    disconnectTimeout: 200,
  };
  const redis =
    typeof target === 'string' ? new Redis(target, options) : new Redis({ ...target, ...options });
  redis.on('error', onError);
  return redis;
}

/**
 * A connected client, for commands that people wait for.
 *
 * @param options.timeoutMs time to connect and to answer. @default 10_000
 * @throws RedisUnreachableError if there is no answer by then
 */
export async function connectRedis(
  url: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<Redis> {
  const { timeoutMs = 10_000 } = options;
  let lastError: Error | undefined;
  const redis = openRedis(url, (error) => {
    lastError = error;
  });
  try {
    if ((await withTimeout(redis.ping(), timeoutMs)) === undefined) {
      throw lastError ?? new Error('no answer');
    }
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new RedisUnreachableError(
      `Redis at ${redactRedisUrl(url)} cannot be reached: ` +
        `${toError(error).message || 'connection refused'} (tried for ${timeoutMs / 1000} s)`,
      { cause: error },
    );
  }
}
