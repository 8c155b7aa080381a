import type { FetchFailure } from '@fetchfleet/crawl';

/** Why a fetch ends without having been started. */
export interface FailureWithoutFetch {
  readonly outcome: FetchFailure['outcome'];
  readonly code: string;
  readonly message: string;
}

/** The patience with an origin is over. */
export function originUnavailable(
  message = 'the origin went on failing or refusing for longer than politeness.patience',
): FailureWithoutFetch {
  return { outcome: 'network-error', code: 'ORIGIN_UNAVAILABLE', message };
}

export function robotsDenied(message: string): FailureWithoutFetch {
  return { outcome: 'robots-denied', code: 'ROBOTS_DENIED', message };
}
