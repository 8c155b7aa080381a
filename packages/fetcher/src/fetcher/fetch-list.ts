import {
  type FetchResult,
  InputError,
  type Limits,
  type NetworkPolicy,
  redactUrl,
} from '@fetchfleet/crawl';
import type { Fetcher } from './fetcher.ts';

/** A list is held in memory once, on its way to a temporary file. */
const LIST_LIMITS: Limits = {
  timeoutMs: 60_000,
  maxBodyBytes: 64 * 1_024 * 1_024,
  redirects: 5,
};

/** A list of values cannot be fetched. */
export class ListFetchError extends InputError {
  /** Whether trying again is useless: the address is refused, or the list is too large. */
  readonly isLasting: boolean;

  constructor(url: string, message: string, isLasting: boolean) {
    super([{ file: redactUrl(url), message: `the list cannot be read: ${message}` }]);
    this.isLasting = isLasting;
  }
}

/**
 * Fetches a list that a crawl file names by its URL: at most 64 MiB within 60 s, from addresses
 * that the crawl and this process allow. Sends none of the headers of the crawl, which are for its
 * origins.
 *
 * @throws ListFetchError for any failure and any status but 200
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
    isOnNewConnection: true,
    ...(signal !== undefined && { signal }),
  });
  if (result.kind === 'response' && result.status === 200) {
    return result.body;
  }
  throw new ListFetchError(url, reasonOf(result), isLastingFailure(result));
}

function reasonOf(result: FetchResult): string {
  return result.kind === 'failure' ? result.message : `it answered ${result.status}`;
}

function isLastingFailure(result: FetchResult): boolean {
  return (
    result.kind === 'failure' &&
    (result.outcome === 'address-refused' || result.outcome === 'too-large')
  );
}
