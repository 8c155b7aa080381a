import type { BatchStatus } from './batch-status.ts';

/** Fetches that robots.txt forbids. */
export function deniedFetches({ outcomes }: Pick<BatchStatus, 'outcomes'>): number {
  return outcomes['robots-denied'] ?? 0;
}

/** The outcome of every fetch so far, if a hundred or more have all failed in the same way. */
export function sameFailure({
  settled,
  outcomes,
}: Pick<BatchStatus, 'settled' | 'outcomes'>): string | undefined {
  const [only, ...others] = Object.entries(outcomes).filter(([, count]) => count > 0);
  const isSame = only !== undefined && others.length === 0 && only[0] !== 'ok';
  return isSame && settled >= 100 ? only[0] : undefined;
}

/** Failed fetches without those that robots.txt forbids. */
export function realFailures(status: Pick<BatchStatus, 'failed' | 'outcomes'>): number {
  return status.failed - deniedFetches(status);
}
