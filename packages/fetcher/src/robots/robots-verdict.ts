import type { FetchResult, Limits } from '@fetchfleet/crawl';
import { robotsText } from './robots-text.ts';

/**
 * Limits for fetching a robots.txt. The body limit is far above what is parsed, so a large file is
 * cut instead of failing.
 */
export const ROBOTS_LIMITS: Limits = {
  timeoutMs: 15_000,
  maxBodyBytes: 4 * 1_024 * 1_024,
  redirects: 5,
};

/** What a fetched robots.txt means. `wait`: it is unreachable, so nothing may be fetched yet. */
export type RobotsVerdict =
  | { readonly kind: 'rules'; readonly text: string }
  | { readonly kind: 'allow-all' }
  | { readonly kind: 'wait' };

/** What to do after fetching `/robots.txt` (RFC 9309, 2.3.1). */
export function robotsVerdict(result: FetchResult): RobotsVerdict {
  if (result.kind === 'response') {
    // 429 is the one 4xx that promises an answer later.
    if (result.status >= 500 || result.status === 429) {
      return { kind: 'wait' };
    }
    const isFound = result.status >= 200 && result.status < 300;
    return isFound ? { kind: 'rules', text: robotsText(result.body) } : { kind: 'allow-all' };
  }
  // Too many or broken redirects count as "unavailable", like 4xx. A refused address also refuses
  // the fetches themselves, whose records must say so instead of robots-denied.
  const isUnavailable = result.outcome === 'bad-redirect' || result.outcome === 'address-refused';
  return isUnavailable ? { kind: 'allow-all' } : { kind: 'wait' };
}
