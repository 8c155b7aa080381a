import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './errors.ts';

/** How long a command waits for Redis. Workers wait for ever; people do not. */
export const REDIS_TIMEOUT_MS = 10_000;

/**
 * Waits for an answer of Redis for a limited time: the Redis client itself would wait for ever.
 *
 * @param options.timeoutMs @default 10_000
 * @throws CommandError (exit 3) when the time is over; the reason of `signal` when that aborts
 */
export async function withTimeout<T>(
  answer: Promise<T>,
  {
    timeoutMs = REDIS_TIMEOUT_MS,
    signal,
  }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const settled = new AbortController();
  const signals = signal === undefined ? [settled.signal] : [settled.signal, signal];
  const timeout = sleep(timeoutMs, undefined, { signal: AbortSignal.any(signals) }).then(
    () => {
      throw redisSilent(timeoutMs);
    },
    (error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    },
  );
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    settled.abort();
  }
}

/** Redis has not answered for this long, in milliseconds. */
export function redisSilent(timeoutMs: number): CommandError {
  return new CommandError(`Redis has not answered for ${timeoutMs / 1_000} s`, {
    code: 'REDIS_UNREACHABLE',
  });
}
