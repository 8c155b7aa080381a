import type { BadPage, PageRequest, PendingFetch } from '@fetchfleet/crawl';
import type { ActiveBatch } from './batches.ts';

/** What a fetch sends next: its request, or that of its next page. */
export function nextRequest(
  { request, pagination }: ActiveBatch,
  { values, cursor }: Pick<PendingFetch, 'values' | 'cursor'>,
): PageRequest | BadPage {
  const first = { url: request.expand(values), body: request.bodyOf(values) };
  return pagination === undefined
    ? { ...first, isElsewhere: false }
    : pagination.request(first, cursor);
}

/** The number of the page that a fetch asks for next. */
export function nextPage({ cursor }: Pick<PendingFetch, 'cursor'>): number {
  return (cursor?.page ?? 0) + 1;
}
