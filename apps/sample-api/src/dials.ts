import { parseDurationMs } from '@fetchfleet/crawl';
import { parseSettings } from '@fetchfleet/service';
import { z } from 'zod';

const MAX_DELAY_MS = 60_000;
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_REMEMBERED_QUERIES = 1_000;

/** How one request is answered. */
export interface Dials {
  /** Before every answer. 0 to 60,000. @default 0 */
  readonly latencyMs: number;
  /** Up to this much longer, drawn for each request. 0 to 60,000. @default 0 */
  readonly jitterMs: number;
  /** Share of requests answered with 500. 0 to 1. @default 0 */
  readonly errors: number;
  /** Share of requests answered with 429. 0 to 1. @default 0 */
  readonly throttle: number;
  /** Exact size of the body, 2 bytes to 16 MiB. @default about 1.2 kB */
  readonly bodyBytes?: number | undefined;
  /** Answers with this status, 200 to 599. @default what the other dials say */
  readonly status?: number | undefined;
  /** Seconds in `Retry-After` of a failure, 0 to 3,600. @default 1 for a 429, else none */
  readonly retryAfter?: number | undefined;
}

export const NO_FAULTS: Dials = { latencyMs: 0, jitterMs: 0, errors: 0, throttle: 0 };

/** `250`, `250ms` or `1.5s`, at most a minute; in milliseconds. */
export const delaySchema = z
  .string()
  .transform((text, context) => {
    const delayMs = parseDurationMs(/^[\d.]+$/.test(text) ? `${text}ms` : text);
    if (delayMs !== undefined) {
      return delayMs;
    }
    context.addIssue({ code: 'custom', message: 'must be a time like 250ms or 1.5s' });
    return z.NEVER;
  })
  .pipe(z.number().max(MAX_DELAY_MS, 'must be at most 60s'));

export const shareSchema = number().pipe(z.number().min(0).max(1));

export const bodyBytesSchema = number().pipe(z.int().min(2).max(MAX_BODY_BYTES));

const querySchema = z
  .object({
    latency: delaySchema,
    jitter: delaySchema,
    error: shareSchema,
    throttle: shareSchema,
    bytes: bodyBytesSchema,
    status: number().pipe(z.int().min(200).max(599)),
    retryAfter: number().pipe(z.int().min(0).max(3_600)),
  })
  .partial();

/** Digits only: an empty text is not 0. */
function number(): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^-?\d+(?:\.\d+)?$/, 'must be a number')
    .transform(Number);
}

/** The dials of a request: those of the server, changed by the query. Each query is parsed once. */
export class QueryDials {
  readonly #base: Dials;
  readonly #known = new Map<string, Dials>();

  constructor(base: Dials) {
    this.#base = base;
  }

  /** Unknown parameters are ignored. @throws SettingsError with every dial that is wrong */
  dialsOf(query: string): Dials {
    const known = this.#known.get(query);
    if (known !== undefined) {
      return known;
    }
    const dials = { ...this.#base, ...parseQuery(query) };
    if (this.#known.size >= MAX_REMEMBERED_QUERIES) {
      this.#known.clear();
    }
    this.#known.set(query, dials);
    return dials;
  }
}

function parseQuery(query: string): Partial<Dials> {
  const given = Object.fromEntries(new URLSearchParams(query));
  const dials = parseSettings(querySchema, given, (path) => `?${path.map(String).join('.')}`);
  const { latency, jitter, error, throttle, bytes, status, retryAfter } = dials;
  return {
    ...(latency === undefined ? {} : { latencyMs: latency }),
    ...(jitter === undefined ? {} : { jitterMs: jitter }),
    ...(error === undefined ? {} : { errors: error }),
    ...(throttle === undefined ? {} : { throttle }),
    ...(bytes === undefined ? {} : { bodyBytes: bytes }),
    ...(status === undefined ? {} : { status }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}
