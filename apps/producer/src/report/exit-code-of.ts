import { type BatchStatus, realFailures } from '@fetchfleet/fleet';
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
