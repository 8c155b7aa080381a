import { isByUrl, isCounter, type NextPage } from '../model/paginate.ts';
import type { Method, NetworkPolicy } from '../model/plan.ts';
import { originOf, problemOfUrl, redactUrl } from '../model/url.ts';
import type { LastReason } from '../outcome/last-reason.ts';
import type { Cursor, CursorProblem } from './cursor.ts';
import { withJson, withQuery } from './page-place.ts';

/** What is sent for a fetch without pages: the request of its first page, but for a counter. */
export interface FirstRequest {
  readonly url: string;
  readonly body?: Buffer | undefined;
}

/** The request of a page. */
export interface PageRequest extends FirstRequest {
  /** It goes to another origin, or another one had a say in it: it carries no credentials. */
  readonly isElsewhere: boolean;
}

/** A page that cannot be asked for. */
export interface BadPage {
  /** What the record names. */
  readonly url: string;
  readonly failure: LastReason;
}

export interface PagePolicy {
  readonly next: NextPage;
  readonly method: Method;
  readonly network: NetworkPolicy;
}

const PROBLEMS: Readonly<Record<CursorProblem, string>> = {
  NEXT_SECRET: 'repeats a secret of the crawl file, which must not be stored',
  NEXT_TOO_LONG: 'takes more than 8 kB to name',
};

/** The most of a bad URL that a record shows. */
const MAX_SHOWN = 200;

/**
 * The request of the page after a cursor, or of the first page. A cursor comes from an answer and
 * from Redis: neither is trusted.
 */
export function pageRequest(
  policy: PagePolicy,
  first: FirstRequest,
  cursor: Cursor | undefined,
): PageRequest | BadPage {
  const { next } = policy;
  if (cursor?.problem !== undefined) {
    const message = `the next page that page ${cursor.page} names ${PROBLEMS[cursor.problem]}`;
    return bad(first.url, { outcome: 'bad-redirect', code: cursor.problem, message });
  }
  const value = isCounter(next)
    ? String(next.from + next.step * (cursor?.page ?? 0))
    : cursor?.next;
  if (value === undefined) {
    return { ...first, isElsewhere: false };
  }
  if (next === 'link' || isByUrl(next)) {
    return atUrl(value, { first, cursor, policy });
  }
  if ('query' in next) {
    return {
      ...first,
      url: withQuery(first.url, next.query, plainText(value)),
      isElsewhere: false,
    };
  }
  const place = 'json' in next ? next.json : '';
  const body = withJson(first.body?.toString() ?? '', place, value);
  if (body === undefined) {
    const message = `the JSON body has no place ${place} for the next page`;
    return bad(first.url, { outcome: 'bad-redirect', code: 'NEXT_PLACE', message });
  }
  return { url: first.url, body: Buffer.from(body), isElsewhere: false };
}

function atUrl(
  next: string,
  {
    first,
    cursor,
    policy,
  }: {
    readonly first: FirstRequest;
    readonly cursor: Cursor | undefined;
    readonly policy: PagePolicy;
  },
): PageRequest | BadPage {
  const { page = 0, isElsewhere = false } = cursor ?? {};
  const url = URL.parse(next);
  const from = `the next page that page ${page} names`;
  if (url === null) {
    const message = `${from} has no valid URL`;
    return bad(next, { outcome: 'bad-redirect', code: 'NEXT_INVALID', message });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const message = `${from} is at a ${url.protocol.slice(0, 20)} URL; only http and https are asked`;
    return bad(next, { outcome: 'bad-redirect', code: 'NEXT_SCHEME', message });
  }
  if (url.username !== '' || url.password !== '') {
    const message = `${from} has a URL with credentials at ${url.origin}`;
    return bad(next, { outcome: 'bad-redirect', code: 'NEXT_CREDENTIALS', message });
  }
  const problem = problemOfUrl(next, policy.network);
  if (problem !== undefined) {
    const message = `${from} is refused: ${problem}`;
    return bad(next, { outcome: 'address-refused', code: 'ADDRESS_REFUSED', message });
  }
  if (!isElsewhere && url.origin === originOf(first.url)) {
    return { url: next, body: first.body, isElsewhere: false };
  }
  if (policy.method !== 'GET') {
    // As with redirects: the body may hold credentials, and so may the meaning of a DELETE.
    const message = `${from} is at ${url.origin}; only GET goes on at another origin`;
    return bad(next, { outcome: 'bad-redirect', code: 'NEXT_METHOD', message });
  }
  return { url: next, isElsewhere: true };
}

function bad(url: string, failure: LastReason): BadPage {
  return { url: redactUrl(url).slice(0, MAX_SHOWN).toWellFormed(), failure };
}

/** A value as it stands in a query: a text without its quotes, a number with its digits. */
export function plainText(json: string): string {
  const value: unknown = json.startsWith('"') ? JSON.parse(json) : json;
  return typeof value === 'string' ? value : json;
}
