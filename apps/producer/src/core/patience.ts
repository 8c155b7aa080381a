import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './command-error.ts';
import { EXIT } from './exit-codes.ts';

/** How long a command waits for Redis. Workers wait for ever; people do not. */
export const PATIENCE_MS = 10_000;

/**
 * The answer of Redis, if it comes in time: the client behind it would wait for ever.
 *
 * @throws CommandError (exit 3) when it is late; the reason of `signal` when that aborts
 */
export async function inTime<T>(
  answer: Promise<T>,
  { timeoutMs = PATIENCE_MS, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<T> {
  const over = new AbortController();
  const signals = signal === undefined ? [over.signal] : [over.signal, signal];
  const late = sleep(timeoutMs, undefined, { signal: AbortSignal.any(signals) }).then(
    () => {
      throw redisLost(timeoutMs);
    },
    (error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    },
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}

export function redisLost(timeoutMs: number): CommandError {
  return new CommandError(`Redis has not answered for ${timeoutMs / 1_000} s`, {
    code: 'REDIS_UNREACHABLE',
    exitCode: EXIT.unavailable,
  });
}
