/** The longest a failed fetch waits for its next attempt unless the origin asks for more: 5 min. */
export const MAX_BACKOFF_MS = 5 * 60_000;

export interface BackoffOptions {
  /** Attempts used before the one that has just failed: 0 for the first wait. */
  readonly attempt: number;
  /** Upper bound of the first wait. */
  readonly baseMs: number;
  /** From 0 up to but not including 1, as `Math.random`. */
  readonly random: () => number;
  /** @default 5 min */
  readonly capMs?: number | undefined;
}

/**
 * Capped exponential backoff with full jitter: `random_between(0, min(cap, base · 2 ** attempt))`.
 * Clients that failed together do not retry together, so full jitter needs the fewest calls in
 * total of the variants compared in the article.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs({
  attempt,
  baseMs,
  random,
  capMs = MAX_BACKOFF_MS,
}: BackoffOptions): number {
  // 2 ** 1024 is Infinity, and 0 · Infinity is NaN.
  const boundMs = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 64));
  return Math.round(random() * boundMs);
}
