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
  /** Bytes of a body in a second, 1 to 1,000,000,000. @default all at once */
  readonly drip?: number | undefined;
  /** Number of items in the lists, 0 to 1,000,000,000. @default 250 */
  readonly items: number;
  /** Items of a page, 1 to 10,000. @default 100 */
  readonly pageSize: number;
  /** The page after this one is the first again. @default there is an end */
  readonly loop?: number | undefined;
  /** `big`: ids and cursors are numbers that no double holds. @default 'small' */
  readonly ids: 'big' | 'small';
  /** URLs of next pages. @default 'relative' */
  readonly urls: 'absolute' | 'relative';
  /** Share of GraphQL requests answered with 200 and `errors`. 0 to 1. @default 0 */
  readonly graphqlErrors: number;
  /** Seconds that a token is good for, 0 to 86,400. @default 3,600 */
  readonly expiresIn: number;
  /** Requests that a token is good for; then it is refused as if it had expired. @default any */
  readonly uses?: number | undefined;
}

export const DEFAULT_DIALS: Dials = {
  latencyMs: 0,
  jitterMs: 0,
  errors: 0,
  throttle: 0,
  items: 250,
  pageSize: 100,
  ids: 'small',
  urls: 'relative',
  graphqlErrors: 0,
  expiresIn: 3_600,
};

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

/** The dials by their names in a query. */
const QUERY = {
  latency: { key: 'latencyMs', schema: delaySchema },
  jitter: { key: 'jitterMs', schema: delaySchema },
  error: { key: 'errors', schema: shareSchema },
  throttle: { key: 'throttle', schema: shareSchema },
  bytes: { key: 'bodyBytes', schema: bodyBytesSchema },
  status: { key: 'status', schema: whole(200, 599) },
  retryAfter: { key: 'retryAfter', schema: whole(0, 3_600) },
  drip: { key: 'drip', schema: whole(1, 1_000_000_000) },
  items: { key: 'items', schema: whole(0, 1_000_000_000) },
  size: { key: 'pageSize', schema: whole(1, 10_000) },
  loop: { key: 'loop', schema: whole(1, 1_000_000_000) },
  ids: { key: 'ids', schema: z.enum(['big', 'small']) },
  urls: { key: 'urls', schema: z.enum(['absolute', 'relative']) },
  graphqlError: { key: 'graphqlErrors', schema: shareSchema },
  expiresIn: { key: 'expiresIn', schema: whole(0, 86_400) },
  uses: { key: 'uses', schema: whole(1, 1_000_000) },
} as const satisfies Readonly<Record<string, { key: keyof Dials; schema: z.ZodType }>>;

const querySchema = z
  .object(Object.fromEntries(Object.entries(QUERY).map(([name, { schema }]) => [name, schema])))
  .partial();

function whole(min: number, max: number): z.ZodType<number, string> {
  return number().pipe(z.int().min(min).max(max));
}

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
  const entries = Object.entries(QUERY).flatMap(([name, { key }]) =>
    dials[name] === undefined ? [] : [[key, dials[name]] as const],
  );
  return Object.fromEntries(entries);
}
