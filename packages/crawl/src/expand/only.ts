import type { Crawl, Only } from '../model/plan.ts';

/** Of more fetches, the positions in the largest batch would not be exact. */
export const MAX_SPREAD = 1_000_000;

/** Fetches to choose: the first ones, or some from the whole crawl. */
export type OnlyChoice = { readonly first: number } | { readonly spread: number };

/**
 * The same crawl with only some of its fetches, which are numbered anew from 0. A choice that leaves
 * nothing out changes nothing: the crawl has the fingerprint that it has without it.
 *
 * @param total fetches of the crawl
 */
export function withOnly(crawl: Crawl, choice: OnlyChoice | undefined, total: number): Crawl {
  if (choice === undefined || ('first' in choice ? choice.first : choice.spread) >= total) {
    return crawl;
  }
  return { ...crawl, only: 'first' in choice ? choice : { spread: choice.spread, of: total } };
}

/** The number of fetches. @param total of the crawl without `only` */
export function totalWithOnly(only: Only | undefined, total: number): number {
  if (only === undefined) {
    return total;
  }
  return Math.min(total, 'first' in only ? only.first : only.spread);
}

/**
 * Where the fetches of a crawl stand among all combinations of its values: the position of each
 * index, undefined behind the last one.
 */
export function positionsOf(only: Only | undefined): (index: number) => number | undefined {
  if (only === undefined) {
    return (index) => index;
  }
  if ('first' in only) {
    return (index) => (index < only.first ? index : undefined);
  }
  // The first and the last one are among them.
  const { spread, of } = only;
  const gap = spread === 1 ? 0 : (of - 1) / (spread - 1);
  return (index) => {
    if (index >= spread) {
      return undefined;
    }
    return index === spread - 1 && spread > 1 ? of - 1 : Math.floor(index * gap);
  };
}
