import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How long tests wait for what has to come. It only ends tests that would wait for ever: no test is
 * faster for a shorter one, and a loaded machine makes it red.
 */
export const DEADLINE_MS = 240_000;

export interface EventuallyOptions {
  /** Milliseconds until it gives up. @default DEADLINE_MS */
  readonly deadlineMs?: number;
  /** Milliseconds between two tries. @default 20 */
  readonly intervalMs?: number;
}

/**
 * Repeats `check`, a predicate or assertions, until it neither throws nor returns `false`, and
 * returns its value. At the deadline it throws the last error, or that the check gave no answer: a
 * command for a Redis that is gone waits for ever.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = DEADLINE_MS, intervalMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let lastError: unknown;
    try {
      const value = await answerOf(check, deadline - performance.now());
      if (value !== false) {
        return value;
      }
      lastError = new Error(
        `Condition was still false after ${deadlineMs} ms: ${check.toString()}`,
      );
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      throw lastError;
    }
    await sleep(intervalMs);
  }
}

async function answerOf<T>(check: () => T | Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Condition gave no answer for ${timeoutMs} ms: ${check.toString()}`)),
    timeoutMs,
  );
  try {
    return await Promise.race([check(), late]);
  } finally {
    clearTimeout(timer);
  }
}
