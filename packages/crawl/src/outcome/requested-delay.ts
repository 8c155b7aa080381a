import type { FetchResponse, FetchResult } from './outcome.ts';
import { hasRateLimit, isRateLimitExhausted, rateLimitResetMs } from './rate-limit.ts';
import { parseHttpDate, parseRetryAfter } from './retry-after.ts';

/** Why an origin is blocked: few and short, so that they can be labels of metrics. */
type BlockReason =
  | '429'
  | '429 Retry-After'
  | '403'
  | '403 Retry-After'
  | '503'
  | '503 Retry-After'
  | '3xx Retry-After'
  | 'RateLimit reset';

/**
 * How long an answer asks its clients to wait. Read once per answer; the gate report uses the part
 * about the origin, the disposition the part about the fetch.
 */
export interface RequestedDelay {
  /** Why the whole fleet has to wait for this origin; undefined if only this fetch has to. */
  readonly blockReason: BlockReason | undefined;
  /** The fleet starts nothing at the origin for this long; 0 if a refusal names no time. */
  readonly blockMs: number;
  /** `Retry-After` of this answer: the fetch is not tried again earlier. 0 if there is none. */
  readonly retryAfterMs: number;
  /** The origin refused this fetch ("not now"), so the attempt does not count. */
  readonly isRefusal: boolean;
  /** The origin is still working on the answer (202): the fetch waits, and nothing else does. */
  readonly isNotReady: boolean;
  /** The origin asked for more than the maximum, and `blockMs` is the maximum. */
  readonly isClamped: boolean;
}

type Headers = Readonly<Record<string, string>>;

/** Accepted: the origin has begun to work on it. */
const NOT_READY = 202;
/** They refuse only where a header says so. GitHub answers 403 when a rate limit is exhausted. */
const MAY_REFUSE = new Set([403, 503]);

/** The largest `Age` a cache may send: RFC 9111 section 1.2.2. */
const MAX_AGE_SECONDS = 2 ** 31;

/**
 * The delay that `Retry-After` and the rate-limit headers of an answer ask for. Undefined for
 * nearly every answer: those cost a few look-ups and no parsing.
 *
 * - 429 refuses the fetch, and so do 403 and 503 with a valid `Retry-After` or with an exhausted
 *   rate limit. A 503 without either says nothing of a limit: it is a failure that may pass.
 * - 202 with a valid `Retry-After` is not the answer yet.
 * - `Retry-After` on refusals and on 3xx blocks the origin, and so does the reset of an exhausted
 *   rate limit on any status. The longest of them counts.
 * - `Retry-After` on any other answer from 400 up delays only the next attempt of the fetch.
 *
 * Negative and malformed values count as absent. Dates are compared with the `date` of the answer,
 * so neither the clock of the origin nor that of the worker has to be right.
 *
 * @param now epoch milliseconds
 * @param maxRetryAfterMs upper bound of both delays
 */
export function requestedDelayOf(
  result: FetchResult,
  now: number,
  maxRetryAfterMs: number,
): RequestedDelay | undefined {
  if (result.kind === 'failure') {
    return undefined;
  }
  const { status, headers } = result;
  const hasRetryAfter = headers['retry-after'] !== undefined && mayDelay(status);
  if (status !== 429 && !hasRetryAfter && !hasRateLimit(headers)) {
    return undefined;
  }
  return parseDelay(result, now, maxRetryAfterMs);
}

function parseDelay(
  { status, headers }: FetchResponse,
  now: number,
  maxMs: number,
): RequestedDelay | undefined {
  const originNow = originClock(headers, now);
  const retryAfter = headers['retry-after'];
  const retryAfterMs =
    retryAfter === undefined || !mayDelay(status)
      ? undefined
      : parseRetryAfter(retryAfter, originNow);
  const resetMs = hasRateLimit(headers)
    ? rateLimitResetMs(headers, {
        now: originNow,
        ageMs: ageMsOf(headers),
        isRefused: status === 429,
      })
    : 0;
  const isNotReady = status === NOT_READY && retryAfterMs !== undefined;
  const isRefusal =
    status === 429 ||
    (MAY_REFUSE.has(status) && (retryAfterMs !== undefined || isRateLimitExhausted(headers)));
  const isForOrigin = isRefusal || (status >= 300 && status < 400);
  const retryBlockMs = isForOrigin ? (retryAfterMs ?? 0) : 0;
  const blockMs = Math.max(retryBlockMs, resetMs);
  const isBlock = isRefusal || blockMs > 0;
  if (!isBlock && !isNotReady && (retryAfterMs ?? 0) === 0) {
    return undefined;
  }
  return {
    blockReason: isBlock
      ? reasonOf(status, { blockMs, isReset: resetMs > retryBlockMs })
      : undefined,
    blockMs: Math.ceil(Math.min(blockMs, maxMs)),
    retryAfterMs: Math.min(retryAfterMs ?? 0, maxMs),
    isRefusal,
    isNotReady,
    isClamped: blockMs > maxMs,
  };
}

/** `Retry-After` on a success means nothing, except that 202 promises the answer for later. */
function mayDelay(status: number): boolean {
  return status >= 300 || status === NOT_READY;
}

function reasonOf(
  status: number,
  { blockMs, isReset }: { readonly blockMs: number; readonly isReset: boolean },
): BlockReason {
  if (isReset) {
    return 'RateLimit reset';
  }
  if (status !== 403 && status !== 429 && status !== 503) {
    return '3xx Retry-After';
  }
  return blockMs > 0 ? `${status} Retry-After` : `${status}`;
}

/** The time at the origin: its `date` plus the `age` that the answer gained in a cache. */
function originClock(headers: Headers, now: number): number {
  const { date } = headers;
  const at = date === undefined ? undefined : parseHttpDate(date.trim());
  return at === undefined ? now : at + ageMsOf(headers);
}

function ageMsOf(headers: Headers): number {
  const seconds = /^\d+$/.test(headers['age'] ?? '') ? Number(headers['age']) : 0;
  return Math.min(seconds, MAX_AGE_SECONDS) * 1000;
}
