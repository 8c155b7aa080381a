import {
  isByUrl,
  isCounter,
  type NextPage,
  type PageEnd,
  type Paginate,
} from '../model/paginate.ts';
import type { Plan } from '../model/plan.ts';
import { repeatsSecret } from '../access/secrets.ts';
import { readJson } from '../answer/read-json.ts';
import { fromOctets, originOf } from '../model/url.ts';
import type { FetchResponse } from '../outcome/outcome.ts';
import { isJson } from '../record/is-json.ts';
import type { JsonDocument } from '../select/json-document.ts';
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
  /**
   * What follows a page that is `ok`.
   *
   * @param document its body as JSON. @default it is read where it is needed
   */
  after(page: Page, document?: () => JsonDocument | undefined): PageStep;
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
  const isLast = until && compileUntil(until);
  const findLead = compileLead(next);
  return {
    request: (first, cursor) => pageRequest({ next, method, network }, first, cursor),
    isBeyondLast: (cursor, status) => isCounter(next) && cursor !== undefined && status === 404,
    after: (page, document = once(() => readJson(page.result))) => {
      const body = digestOf(page.result.body);
      const end = knownBody(page, body) ?? lastBody(page, { next, isLast, document });
      if (end !== undefined) {
        return { end };
      }
      const lead = findLead(page, document);
      if ('end' in lead) {
        return lead;
      }
      const url = isByUrl(next) ? digestOf(lead.next ?? '') : undefined;
      if (url !== undefined && isKnownUrl(page, url)) {
        return { end: 'loop' };
      }
      if (numberOf(page) >= max) {
        return { end: 'max' };
      }
      const digests = digestsAfter(page, { body, url });
      return repeatsSecret(plainTexts(lead.next ?? ''), secrets())
        ? stepTo({ ...digests, problem: 'NEXT_SECRET' })
        : stepTo({ ...digests, ...lead });
    },
  };
}

function numberOf({ cursor }: Page): number {
  return (cursor?.page ?? 0) + 1;
}

function once<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    known ??= { value: read() };
    return known.value;
  };
}

/** Whether the body is that of the page before, or of the remembered one. */
function knownBody({ cursor }: Page, body: string): PageEnd | undefined {
  if (body === cursor?.body) {
    return 'same-body';
  }
  return body === cursor?.seen ? 'loop' : undefined;
}

interface LastRules {
  readonly next: NextPage;
  readonly isLast: IsLast | undefined;
  readonly document: () => JsonDocument | undefined;
}

/** Why a page is the last one, as far as its body says. */
function lastBody({ result }: Page, { next, isLast, document }: LastRules): PageEnd | undefined {
  if (result.body.length === 0 && next !== 'link') {
    return 'empty';
  }
  const last = isLast === undefined ? false : isLast(document());
  return last === undefined ? 'not-json' : last ? 'until' : undefined;
}

/**
 * Brent's algorithm: every page whose number is a power of two is remembered until the next one is.
 * It finds every loop, in constant memory that a kill does not lose.
 */
function digestsAfter(
  page: Page,
  { body, url }: { readonly body: string; readonly url: string | undefined },
): Cursor {
  const { cursor } = page;
  const isRemembered = Number.isInteger(Math.log2(numberOf(page)));
  const seenUrl = isRemembered ? url : cursor?.seenUrl;
  return {
    page: numberOf(page),
    body,
    seen: isRemembered ? body : (cursor?.seen ?? body),
    ...(seenUrl !== undefined && { seenUrl }),
  };
}

/** Without what leads to the next page, where that cannot be stored. */
function stepTo({ next, ...digests }: Cursor): PageStep {
  const cursor = next === undefined ? digests : { ...digests, next };
  const stored = encodeCursor(cursor);
  return stored === undefined
    ? stepTo({ ...digests, problem: 'NEXT_TOO_LONG' })
    : { cursor, stored };
}

/** Whether the next URL is that of this page, of the first one, or of the remembered one. */
function isKnownUrl({ cursor, first, request }: Page, next: string): boolean {
  const known = [request.url, first.url].map((url) => digestOf(withoutFragment(url)));
  return next === cursor?.seenUrl || known.includes(next);
}

function compileLead(next: NextPage): FindLead {
  if (next === 'link') {
    return (page) => {
      const target = nextLink(fromOctets(page.result.headers['link'] ?? ''), urlOf(page));
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

/** A URL, or the texts within a value, whose own escapes could hide a secret. */
function plainTexts(next: string): string {
  if (!isJson(Buffer.from(next))) {
    return next;
  }
  const texts = [next];
  JSON.parse(next, (key, value: unknown) => {
    texts.push(key, ...(typeof value === 'string' ? [value] : []));
    return value;
  });
  return texts.join('\n');
}

function withoutFragment(url: string): string {
  return url.split('#', 1)[0] ?? url;
}
