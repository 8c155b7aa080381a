import { findParts } from '../folder/layout.ts';
import { type FailedRecord, parseFailedRecord } from './failed-record.ts';
import { type FailureGroup, FailureGroups } from './failure-groups.ts';
import { scanRecords } from './scan-records.ts';

interface FailuresOptions {
  /** Results folder, or several: the batch has records in each. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  /** Fetches of the batch. Records with a higher index are not of it. */
  readonly total: number;
  /** Which failures are counted. @default all */
  readonly matches?: (record: FailedRecord) => boolean;
  readonly signal?: AbortSignal;
}

export interface Failures {
  /** The most frequent first. */
  readonly groups: readonly FailureGroup[];
  /** A sentence for each part that was not read, because it is no regular file. */
  readonly skippedParts: readonly string[];
}

/**
 * Groups the failed fetches of a batch by origin and reason. Counts the record of each fetch that
 * an export would write. Needs 13 bytes of memory per fetch.
 *
 * @throws ResultsNotFoundError if the batch has no folder; ResultsUnreadableError,
 *   ResultsChangedError; the reason of `signal`
 */
export async function findFailures(options: FailuresOptions): Promise<Failures> {
  const { dir, batch, total, matches, signal } = options;
  const { parts } = await findParts(typeof dir === 'string' ? [dir] : dir, batch);
  const scan = { parts: parts.files, batch, total, signal };
  const groups = new FailureGroups();
  await scanRecords(scan, {
    onSuccess: (index) => groups.addSuccess(index),
    onFailure: (line, index) => {
      const record = parseFailedRecord(line, index);
      if (record !== undefined) {
        groups.addFailure(record, matches?.(record));
      }
      return true;
    },
  });
  // The second pass finds the examples: only now is it certain which failures count.
  await scanRecords(scan, {
    onSuccess: () => undefined,
    onFailure: (line, index) => {
      const record = groups.hasAllExamples ? undefined : parseFailedRecord(line, index);
      if (record !== undefined) {
        groups.offerExample(record);
      }
      return !groups.hasAllExamples;
    },
  });
  return { groups: groups.list(), skippedParts: parts.skipped };
}
