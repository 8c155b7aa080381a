import type { Buffer } from 'node:buffer';

import {
  type FetchResult,
  InputError,
  type Limits,
  type NetworkPolicy,
  redactUrl,
} from '@fetchfleet/crawl';

import type { Fetcher } from './fetcher.ts';

/** Of a list at a URL: it is held in memory once, on its way to a temporary file. */
const LIST_LIMITS: Limits = {
  timeoutMs: 60_000,
  maxBodyBytes: 64 * 1_024 * 1_024,
  redirects: 5,
};

/** A list cannot be had. What a network does may pass; a refused address or a list that is too large will not. */
export class ListFetchError extends InputError {
  readonly isLasting: boolean;

  constructor(url: string, message: string, isLasting: boolean) {
    super([{ file: redactUrl(url), message: `the list cannot be read: ${message}` }]);
    this.isLasting = isLasting;
  }
}

/**
 * The bytes of a list that a crawl file names by its URL: at most 64 MiB within 60 s, from addresses that the crawl (and this
 * process) may reach. Sends none of the crawl's headers: they are for its origins.
 *
 * @throws ListFetchError where it cannot be had
 */
export async function fetchList(
  fetcher: Fetcher,
  url: string,
  {
    network,
    signal,
  }: { readonly network: NetworkPolicy; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  const result = await fetcher.fetch({
    url,
    headers: {},
    limits: LIST_LIMITS,
    network,
    ...(signal !== undefined && { signal }),
  });
  if (result.kind === 'response' && result.status === 200) return result.body;
  throw new ListFetchError(url, reasonOf(result), isForEver(result));
}

function reasonOf(result: FetchResult): string {
  return result.kind === 'failure' ? result.message : `it answered ${result.status}`;
}

function isForEver(result: FetchResult): boolean {
  return (
    result.kind === 'failure' &&
    (result.outcome === 'address-refused' || result.outcome === 'too-large')
  );
}
