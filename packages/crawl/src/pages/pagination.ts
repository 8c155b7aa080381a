import {
  isByUrl,
  isCounter,
  type NextPage,
  type PageEnd,
  type Paginate,
} from '../model/paginate.ts';
import type { Plan } from '../model/plan.ts';
import { repeatsSecret } from '../access/secrets.ts';
import { originOf } from '../model/url.ts';
import type { FetchResponse } from '../outcome/outcome.ts';
import { JsonDocument } from '../select/json-document.ts';
import { compileSelect } from '../select/select.ts';
import { type Cursor, digestOf, encodeCursor } from './cursor.ts';
import { nextLink } from './link-header.ts';
import {
  type BadPage,
  type FirstRequest,
  pageRequest,
  type PageRequest,
  plainText,
} from './page-request.ts';
import { compileUntil, type IsLast } from './until.ts';

/** A page that has come. */
interface Page {
  /** Where the chain stood before; undefined for the first page. */
  readonly cursor: Cursor | undefined;
  readonly first: FirstRequest;
  readonly request: PageRequest;
  readonly result: FetchResponse;
}

/** What follows a page: another one, or nothing. `stored` is the cursor as it is stored. */
export type PageStep =
  | { readonly end: PageEnd }
  | { readonly cursor: Cursor; readonly stored: string };

export interface Pagination {
  /** The request of the page after a cursor, or of the first page. */
  request(first: FirstRequest, cursor: Cursor | undefined): PageRequest | BadPage;
  /** What follows a page that is `ok`. */
  after(page: Page): PageStep;
  /** Whether a status means that the page before was the last one. */
  isBeyondLast(cursor: Cursor | undefined, status: number): boolean;
}

/** What the pages of a plan depend on besides `paginate`. */
export interface PaginationOptions extends Pick<Plan, 'method' | 'network'> {
  /** Values of secrets that must not be stored. @default none */
  readonly secrets?: () => readonly string[];
}

/** What leads to the next page: a URL, or a value as JSON. */
type Lead = { readonly end: PageEnd } | { readonly next?: string; readonly isElsewhere?: true };

type FindLead = (page: Page, document: () => JsonDocument | undefined) => Lead;

/**
 * Compiles the pages of a batch, once for all its fetches.
 *
 * @throws SelectError
 */
export function compilePagination(
  { next, until, max }: Paginate,
  { method = 'GET', network, secrets = () => [] }: PaginationOptions,
): Pagination {
  const isLast = compileUntil(until);
  const findLead = compileLead(next);
  return {
    request: (first, cursor) => pageRequest({ next, method, network }, first, cursor),
    isBeyondLast: (cursor, status) => isCounter(next) && cursor !== undefined && status === 404,
    after: (page) => {
      const { cursor, result } = page;
      const number = (cursor?.page ?? 0) + 1;
      const body = digestOf(result.body);
      const end = endOf(page, { body, next, until: until !== undefined, isLast });
      if (end.end !== undefined) {
        return { end: end.end };
      }
      const lead = findLead(page, end.document);
      if ('end' in lead) {
        return lead;
      }
      const url = isByUrl(next) ? digestOf(lead.next ?? '') : undefined;
      if (url !== undefined && isKnownUrl(page, url)) {
        return { end: 'loop' };
      }
      if (number >= max) {
        return { end: 'max' };
      }
      const isMark = isPowerOfTwo(number);
      const seenUrl = isMark ? url : cursor?.seenUrl;
      const digests = {
        page: number,
        body,
        seen: isMark ? body : (cursor?.seen ?? body),
        ...(seenUrl !== undefined && { seenUrl }),
      };
      const isLeaking = repeatsSecret(lead.next ?? '', secrets());
      const following: Cursor = isLeaking
        ? { ...digests, problem: 'NEXT_SECRET' }
        : { ...digests, ...lead };
      const stored = encodeCursor(following);
      return stored === undefined ? tooLong(digests) : { cursor: following, stored };
    },
  };
}

function tooLong(digests: Cursor): PageStep {
  const cursor: Cursor = { ...digests, problem: 'NEXT_TOO_LONG' };
  return { cursor, stored: encodeCursor(cursor) ?? '' };
}

interface EndOptions {
  readonly body: string;
  readonly next: NextPage;
  readonly until: boolean;
  readonly isLast: IsLast;
}

/** Why a page is the last one, as far as its body says, and the body as JSON. */
function endOf(
  { cursor, result }: Page,
  { body, next, until, isLast }: EndOptions,
): { readonly end?: PageEnd; readonly document: () => JsonDocument | undefined } {
  let known: { readonly document: JsonDocument | undefined } | undefined;
  const document = (): JsonDocument | undefined => {
    known ??= { document: JsonDocument.parse(result.body.toString()) };
    return known.document;
  };
  if (body === cursor?.body) {
    return { end: 'same-body', document };
  }
  if (body === cursor?.seen) {
    return { end: 'loop', document };
  }
  if (result.body.length === 0 && next !== 'link') {
    return { end: 'empty', document };
  }
  if (!until) {
    return { document };
  }
  const last = isLast(document());
  return last === false ? { document } : { end: last === true ? 'until' : 'not-json', document };
}

/** Whether the next URL is that of this page, of the first one, or of the remembered one. */
function isKnownUrl({ cursor, first, request }: Page, next: string): boolean {
  const known = [request.url, first.url].map((url) => digestOf(withoutFragment(url)));
  return next === cursor?.seenUrl || known.includes(next);
}

function compileLead(next: NextPage): FindLead {
  if (next === 'link') {
    return (page) => {
      const target = nextLink(page.result.headers['link'] ?? '', urlOf(page));
      return target === undefined ? { end: 'no-next' } : leadTo(target, page);
    };
  }
  if (isCounter(next)) {
    return () => ({});
  }
  const select = compileSelect(next.select);
  const isUrl = isByUrl(next);
  return (page, document) => {
    const json = document();
    const values = json && select(json);
    if (values === undefined) {
      return { end: 'not-json' };
    }
    const [value] = values;
    if (value === undefined || value === 'null' || value === 'false' || value === '""') {
      return { end: 'no-next' };
    }
    if (!isUrl) {
      return { next: value };
    }
    // Anything but a text is no URL, and the request of the page says so.
    return value.startsWith('"') ? leadTo(plainText(value), page) : { next: value };
  };
}

/** The URL that answered, after redirects. */
function urlOf({ request, result }: Page): string {
  return result.finalUrl ?? request.url;
}

/** A URL that cannot be resolved stays as it is: the request of the page says so. */
function leadTo(target: string, page: Page): Lead {
  const url = urlOf(page);
  const next = URL.parse(target.toWellFormed(), url);
  if (next === null) {
    return { next: target.toWellFormed() };
  }
  const isElsewhere = page.request.isElsewhere || originOf(url) !== originOf(page.first.url);
  return { next: withoutFragment(next.href), ...(isElsewhere && { isElsewhere }) };
}

function withoutFragment(url: string): string {
  return url.split('#', 1)[0] ?? url;
}

function isPowerOfTwo(number: number): boolean {
  return Number.isInteger(Math.log2(number));
}
