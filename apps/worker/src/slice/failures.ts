import type { LastReason, PendingFetch } from '@fetchfleet/crawl';

/** Why a fetch ends without having been started again. */
export type FailureWithoutFetch = LastReason;

/** The patience with an origin is over. */
export function originUnavailable(
  message = 'the origin went on failing or refusing for longer than politeness.patience',
): FailureWithoutFetch {
  return { outcome: 'network-error', code: 'ORIGIN_UNAVAILABLE', message };
}

/**
 * Why a fetch ends whose patience is over: for the reason of its own last attempt. Only a fetch
 * that was never tried ends for what it waited for.
 */
export function patienceOver(
  { reason }: Pick<PendingFetch, 'reason'>,
  waited: FailureWithoutFetch,
): FailureWithoutFetch {
  return reason === undefined
    ? waited
    : { ...reason, message: `${reason.message}; then ${waited.message}` };
}

/** The batch got no token for as long as its fetches have patience. */
export function authFailed(message: string): FailureWithoutFetch {
  return { outcome: 'network-error', code: 'AUTH_FAILED', message };
}

export function robotsDenied(
  message: string,
): FailureWithoutFetch & { readonly outcome: 'robots-denied' } {
  return { outcome: 'robots-denied', code: 'ROBOTS_DENIED', message };
}
