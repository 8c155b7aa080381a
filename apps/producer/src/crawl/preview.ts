import {
  compileRequest,
  type Crawl,
  expandCrawl,
  type Expansion,
  hasPlaceholder,
  type Method,
  type Plan,
  placeholdersOf,
  type Rate,
} from '@fetchfleet/crawl';
import { compileFirstPage } from './first-page.ts';

/** Requests that are shown from either end of a batch. */
const SHOWN = 5;
/** Origins that are counted one by one; the names of further ones would only take memory. */
const MAX_ORIGINS = 100_000;

/** A request as a worker would send it. */
export interface PreviewRequest {
  readonly index: number;
  readonly method: Method;
  readonly url: string;
  /** Secrets are names here: `Bearer ${env:API_TOKEN}`. */
  readonly headers: Readonly<Record<string, string>>;
  /** As text; absent if there is none. */
  readonly body?: string;
}

/** What a crawl file would fetch. */
export interface Preview {
  readonly total: number;
  readonly origins: number;
  /** Whether there are more origins than were counted. */
  readonly hasMoreOrigins: boolean;
  readonly first: readonly PreviewRequest[];
  /** Those that are not among the first. */
  readonly last: readonly PreviewRequest[];
  /** Names of headers that are not the same for all fetches. */
  readonly ownHeaders: readonly string[];
  /** Whether bodies are not the same for all fetches. */
  readonly hasOwnBodies: boolean;
  /** The most pages of one fetch; undefined where each is one request. */
  readonly maxPages: number | undefined;
  /** The least time that `politeness.rate` allows, in ms; undefined without a rate. */
  readonly leastMs: number | undefined;
}

/** Expands the whole crawl, because only then is it known what its last requests are. */
export async function previewCrawl(crawl: Crawl, signal?: AbortSignal): Promise<Preview> {
  const first: Expansion[] = [];
  let last: readonly Expansion[] = [];
  let total = 0;
  const perOrigin = new Map<string, number>();
  let hasMoreOrigins = false;
  for await (const chunk of expandCrawl(crawl, { signal })) {
    for (const { origin } of chunk) {
      const count = perOrigin.get(origin);
      if (count !== undefined || perOrigin.size < MAX_ORIGINS) {
        perOrigin.set(origin, (count ?? 0) + 1);
      } else {
        hasMoreOrigins = true;
      }
    }
    total += chunk.length;
    first.push(...chunk.slice(0, SHOWN - first.length));
    last = [...last, ...chunk.slice(-SHOWN)].slice(-SHOWN);
  }
  const { plan } = crawl;
  const { requestOf, hasIdempotencyKey } = await requestsOf(plan);
  const changing = Object.keys(plan.headers).filter((name) =>
    hasPlaceholder(plan.headers[name] ?? ''),
  );
  let largest = 0;
  for (const count of perOrigin.values()) {
    largest = Math.max(largest, count);
  }
  return {
    total,
    origins: perOrigin.size,
    hasMoreOrigins,
    first: first.map(requestOf),
    last: last.filter(({ index }) => index >= first.length).map(requestOf),
    ownHeaders: [...changing, ...(hasIdempotencyKey ? ['idempotency-key'] : [])],
    hasOwnBodies: placeholdersOf({ headers: {}, body: plan.body }).length > 0,
    maxPages: plan.paginate?.max,
    leastMs: leastMs(largest, plan.politeness.rate, plan.politeness.burst),
  };
}

/** The first requests of a crawl. Its lists must be readable here. */
export async function firstRequests(crawl: Crawl): Promise<PreviewRequest[]> {
  const { requestOf } = await requestsOf(crawl.plan);
  const first: PreviewRequest[] = [];
  for await (const chunk of expandCrawl(crawl)) {
    first.push(...chunk.slice(0, SHOWN - first.length).map(requestOf));
    if (first.length >= SHOWN) {
      break;
    }
  }
  return first;
}

/** How the requests of a crawl are made of their values. */
async function requestsOf(plan: Plan) {
  const { userAgentFor } = await import('@fetchfleet/fetcher');
  const request = compileRequest(plan, { userAgent: userAgentFor(plan.contact) });
  const { method, expand, headersOf, bodyOf, hasIdempotencyKey } = request;
  const firstPage = compileFirstPage(plan);
  const requestOf = ({ index, values }: Expansion): PreviewRequest => {
    const { url, body } = firstPage({ url: expand(values), body: bodyOf(values) });
    const key = hasIdempotencyKey && { 'idempotency-key': `<batch>-${index}-1` };
    return {
      index,
      method,
      url,
      headers: { ...headersOf(values), ...key },
      ...(body !== undefined && { body: body.toString() }),
    };
  };
  return { requestOf, hasIdempotencyKey };
}

/** Of the origin with the most fetches: `burst` of them start at once. */
function leastMs(fetches: number, rate: Rate | 'unlimited', burst: number): number | undefined {
  return rate === 'unlimited'
    ? undefined
    : (Math.max(0, fetches - burst) * rate.perMs) / rate.count;
}
