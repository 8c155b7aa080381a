import type { BatchStatus } from '@fetchfleet/fleet';
import { EXIT, type ExitCode } from '../core/errors.ts';

/**
 * The exit status of a command that has waited for the batch. What robots.txt forbids is no
 * failure: nothing that anybody repeats would change it.
 */
export function exitCodeOf(status: Pick<BatchStatus, 'state' | 'failed' | 'outcomes'>): ExitCode {
  if (status.state !== 'finished') {
    return EXIT.interrupted;
  }
  return realFailures(status) > 0 ? EXIT.someFailed : EXIT.ok;
}

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
