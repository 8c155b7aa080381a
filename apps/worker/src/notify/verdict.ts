import type { FetchResult } from '@fetchfleet/crawl';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
/** Longer than a night or a broken deployment; whoever was away for longer looks for himself. */
export const LIFETIME_MS = 24 * HOUR_MS;

/**
 * What an answer means for a notification.
 *
 * - `delivered`: the receiver has it
 * - `gone`: the receiver wants none
 * - `refused`: this fleet may not send to it
 * - `failed`: it is tried again
 */
export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'gone' | 'refused' | 'failed'; readonly problem: string };

/** Texts hold nothing that the receiver has said but its status. */
export function verdictOf(result: FetchResult): Verdict {
  if (result.kind === 'failure') {
    const problem = `${result.outcome} (${result.code})`;
    return { kind: result.outcome === 'address-refused' ? 'refused' : 'failed', problem };
  }
  const { status } = result;
  if (status >= 200 && status <= 299) {
    return { kind: 'delivered' };
  }
  return { kind: status === 410 ? 'gone' : 'failed', problem: `it answered ${status}` };
}

/**
 * How long an attempt that has failed keeps the next one waiting: 1 s, 2 s, … up to an hour, and at
 * least what the receiver asks for.
 *
 * @param attempts that have failed, the last one included
 */
export function pauseMs(attempts: number, askedMs: number, random = Math.random): number {
  const doubled = Math.min(HOUR_MS, SECOND_MS * 2 ** Math.min(attempts - 1, 20));
  return Math.max(Math.min(askedMs, HOUR_MS), doubled * (0.8 + 0.4 * random()));
}
