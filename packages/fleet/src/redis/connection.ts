import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** No Redis answers at the address. The message names it, the password hidden. */
export class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
  readonly code = 'REDIS_UNREACHABLE';
}

/** The URL is not one that names a Redis. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
  readonly code = 'REDIS_URL_INVALID';
}

const SCHEMES = ['redis:', 'rediss:', 'unix:'];

/** The address as people may see it: without user and password. */
export function redactRedisUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@');
}

/** `redis://`, `rediss://` (TLS) and `unix:///path/to.sock`; throws {@link RedisUrlError} for anything else. */
export function parseRedisUrl(url: string): { readonly path: string } | string {
  if (!URL.canParse(url) || !SCHEMES.includes(new URL(url).protocol)) {
    throw new RedisUrlError(
      `"${redactRedisUrl(url)}" is not a Redis address; allowed: redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH`,
    );
  }
  return url.startsWith('unix:') ? { path: decodeURIComponent(new URL(url).pathname) } : url;
}

/**
 * A client that never gives up: commands wait for Redis to come back. For workers; BullMQ's blocking
 * reads insist on it. Connection errors are told to `onError` and are not thrown.
 *
 * @param options.isForQueue BullMQ defines some sixty scripts on its client, and the client copies all of them for every pipeline it makes:
 *   a client of its own, without automatic pipelines, spares a busy worker some 5 µs of each fetch. @default false
 */
export function openRedis(
  url: string,
  onError: (error: Error) => void,
  { isForQueue = false }: { readonly isForQueue?: boolean } = {},
): Redis {
  const target = parseRedisUrl(url);
  const options = {
    maxRetriesPerRequest: null,
    // Quick at first, so that a restarted Redis is noticed well within a lock's lifetime; then at most once in 2 s.
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), 2_000),
    enableAutoPipelining: !isForQueue,
    // A stream that is closed already is waited for all the same, and holds the process up for as long.
    disconnectTimeout: 200,
  };
  const redis =
    typeof target === 'string' ? new Redis(target, options) : new Redis({ ...target, ...options });
  redis.on('error', onError);
  return redis;
}

/**
 * A connected client for a command that people wait for.
 *
 * @param options.timeoutMs how long to try before giving up. @default 10_000
 * @throws RedisUnreachableError when nothing has answered by then
 */
export async function connectRedis(
  url: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<Redis> {
  let lastError: Error | undefined;
  const redis = openRedis(url, (error) => {
    lastError = error;
  });
  const patience = new AbortController();
  const { timeoutMs = 10_000 } = options;
  const tooLate = sleep(timeoutMs, 'too late' as const, { signal: patience.signal });
  tooLate.catch(() => 'answered in time');
  try {
    const answer = await Promise.race([redis.ping(), tooLate]);
    if (answer === 'too late') throw lastError ?? new Error('no answer');
    return redis;
  } catch (error) {
    redis.disconnect();
    const reason = error instanceof Error ? error.message : String(error);
    throw new RedisUnreachableError(
      `Redis at ${redactRedisUrl(url)} cannot be reached: ${reason || 'connection refused'} (tried for ${timeoutMs / 1000} s)`,
      { cause: error },
    );
  } finally {
    patience.abort();
  }
}
