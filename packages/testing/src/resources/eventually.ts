import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Milliseconds until it gives up. @default 10000 */
  readonly deadlineMs?: number;
  /** Milliseconds between two tries. @default 20 */
  readonly intervalMs?: number;
}

/**
 * Waits until `check` neither throws nor returns `false` and returns what it returned. `check` is a
 * predicate, or assertions. At the deadline the last error is thrown.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 10_000, intervalMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let lastError: unknown;
    try {
      const value = await check();
      if (value !== false) return value;
      lastError = new Error(
        `Condition was still false after ${deadlineMs} ms: ${check.toString()}`,
      );
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) throw lastError;
    await sleep(intervalMs);
  }
}
