import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for a promise, but not longer than `timeoutMs`. The promise itself goes on.
 *
 * @returns its value; undefined after the time-out
 */
export async function withTimeout<T>(
  promise: Promise<T>,
  timeoutMs: number,
): Promise<T | undefined> {
  const settled = new AbortController();
  const timeout = sleep(timeoutMs, undefined, { signal: settled.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    settled.abort();
  }
}
