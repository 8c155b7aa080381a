/** A number that grows by `step` with each page; `from` is that of the first. */
export type Counter = { readonly from: number; readonly step: number } & (
  | { readonly query: string }
  | { readonly json: string }
);

/** How the next page of a fetch is found. */
export type NextPage =
  | Counter
  /** The URL of a `Link` header with `rel="next"` (RFC 8288). */
  | 'link'
  /** A URL in the answer, relative or absolute. */
  | { readonly select: string }
  /** A value in the answer, which becomes a parameter of the query. */
  | { readonly select: string; readonly query: string }
  /** A value in the answer, which becomes a value in the JSON body. */
  | { readonly select: string; readonly json: string };

/** The page on which a path selects such values is the last one. */
export type Until =
  /** An empty list, object or text, null, or nothing. */
  | { readonly empty: string }
  /** Null, or nothing. */
  | { readonly missing: string }
  /** False, null, or nothing. */
  | { readonly false: string }
  /** True. */
  | { readonly true: string };

/** The requests of one fetch, one after the other. Each page is a record. */
export interface Paginate {
  readonly next: NextPage;
  readonly until?: Until;
  /** Pages of one fetch. @default 1,000 */
  readonly max: number;
}

export const MAX_PAGES = 1_000_000;

/** Why a chain of pages has ended. */
export const PAGE_ENDS = [
  /** The answer names no next page. */
  'no-next',
  /** What `until` says holds for this page. */
  'until',
  /** The answer has no body. */
  'empty',
  /** A counter has come to a page that does not exist. */
  'not-found',
  /** The body is that of the page before. */
  'same-body',
  /** The body, or the next URL, is that of an earlier page. */
  'loop',
  /** The answer is not JSON, so nothing can be selected in it. */
  'not-json',
  /** As many pages as `max` allows. */
  'max',
  /** This page has failed: a retry goes on with it. */
  'failed',
  /** The page before names one that cannot be asked for: a retry begins with the first page. */
  'bad-next',
] as const;
export type PageEnd = (typeof PAGE_ENDS)[number];

export function isCounter(next: NextPage): next is Counter {
  return next !== 'link' && 'from' in next;
}

/** Whether the answer names the URL of the next page. */
export function isByUrl(next: NextPage): boolean {
  return next === 'link' || !('query' in next || 'json' in next);
}
