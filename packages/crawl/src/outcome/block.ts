import type { FetchResult } from './outcome.ts';
import { hasRateLimit, resetMs } from './rate-limit-reset.ts';
import { MAX_RETRY_AFTER_MS, parseHttpDate, parseRetryAfter } from './retry-after.ts';

/** Short words for logs, metrics and `origins`; few, so that they may be labels. */
export type BlockReason =
  | '429'
  | '429 Retry-After'
  | '503 Retry-After'
  | '3xx Retry-After'
  | 'RateLimit reset';

/** What a response asks of the whole fleet for its origin. */
export interface Block {
  /** Nothing should start for so long; 0 where a refusal names no time. Whole milliseconds. */
  readonly blockMs: number;
  readonly reason: BlockReason;
  /** Whether this very fetch was refused ("not now"); otherwise it counts, and only the next ones wait. */
  readonly isRefusal: boolean;
  /** Whether the origin asked for longer than the maximum. */
  readonly isClamped: boolean;
}

type Headers = Readonly<Record<string, string>>;

/** The longest `Age` that is believed: RFC 9111 section 1.2.2. */
const MAX_AGE_SECONDS = 2 ** 31;

/**
 * What a result asks of the fleet, or undefined, as for nearly every one.
 *
 * - 429, and 503 with a valid `Retry-After`: a refusal
 * - `Retry-After` on these and on 3xx, and the reset of an exhausted rate limit on any status: a block,
 *   the longest of them
 *
 * Values that are negative or garbage count as absent. Moments are compared with the origin's own
 * `date`, where it sends one, so that neither its clock nor the worker's has to be right.
 *
 * @param now epoch milliseconds
 * @param maxMs longest block @default 1 h
 */
export function blockOf(
  result: FetchResult,
  now: number,
  maxMs = MAX_RETRY_AFTER_MS,
): Block | undefined {
  if (result.kind === 'failure') return undefined;
  const { status, headers } = result;
  const isRetryAfterHeeded = status === 429 || status === 503 || (status >= 300 && status < 400);
  if (!isRetryAfterHeeded && !hasRateLimit(headers)) return undefined;
  const retryMs = isRetryAfterHeeded ? retryAfterOf(headers, now, Infinity) : undefined;
  const isRefusal = status === 429 || (status === 503 && retryMs !== undefined);
  const limitMs = hasRateLimit(headers)
    ? resetMs(headers, {
        now: originNow(headers, now),
        ageMs: ageOf(headers),
        isRefused: status === 429,
      })
    : 0;
  const askedMs = Math.max(retryMs ?? 0, limitMs);
  if (!isRefusal && askedMs === 0) return undefined;
  return {
    blockMs: Math.ceil(Math.min(askedMs, maxMs)),
    reason: limitMs > (retryMs ?? 0) ? 'RateLimit reset' : reasonOf(status, askedMs),
    isRefusal,
    isClamped: askedMs > maxMs,
  };
}

/**
 * Milliseconds that the `retry-after` of a response asks for, by the origin's own clock where it tells
 * it; undefined if there is none, or garbage.
 */
export function retryAfterOf(headers: Headers, now: number, maxMs: number): number | undefined {
  const value = headers['retry-after'];
  return value === undefined ? undefined : parseRetryAfter(value, originNow(headers, now), maxMs);
}

function reasonOf(status: number, askedMs: number): BlockReason {
  if (status === 503) return '503 Retry-After';
  if (status !== 429) return '3xx Retry-After';
  return askedMs > 0 ? '429 Retry-After' : '429';
}

/** `date` is when a response was made; one from a cache is older by its age. */
function originNow(headers: Headers, now: number): number {
  const { date } = headers;
  const at = date === undefined ? undefined : parseHttpDate(date.trim());
  return at === undefined ? now : at + ageOf(headers);
}

function ageOf(headers: Headers): number {
  const seconds = /^\d+$/.test(headers['age'] ?? '') ? Number(headers['age']) : 0;
  return Math.min(seconds, MAX_AGE_SECONDS) * 1000;
}
