import { repeatsSecret } from '../access/secrets.ts';
import type { FetchResponse } from '../outcome/outcome.ts';
import { nextLink } from './link-header.ts';

/** Longer headers are left out, in UTF-16 units. */
const MAX_LENGTH = 2_048;

/**
 * The `Link` header of an answer that names a next page, as what a record keeps; undefined if there
 * is none. For batches whose crawl file says nothing of pages and headers: without it, nobody would
 * see that an answer was only the first page.
 *
 * @param url of the request
 * @param secrets gives the values of secrets: a header that repeats one is left out
 */
export function nextPageHeader(
  { headers, finalUrl }: FetchResponse,
  url: string,
  secrets: () => readonly string[],
): Readonly<Record<string, string>> | undefined {
  const { link } = headers;
  const isKept =
    link !== undefined &&
    link.length <= MAX_LENGTH &&
    nextLink(link, finalUrl ?? url) !== undefined &&
    !repeatsSecret(link, secrets());
  return isKept ? { link } : undefined;
}
