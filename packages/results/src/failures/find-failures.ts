import { findParts } from '../folder/layout.ts';
import { firstManifest } from '../folder/manifest.ts';
import { parseFailedRecord } from './failed-record.ts';
import { type FailureGroup, FailureGroups } from './failure-groups.ts';
import { scanRecords } from './scan-records.ts';

interface FailuresOptions {
  /** Results folder, or several: the batch has records in each. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  /** Fetches of the batch, if the manifest has no total. */
  readonly total?: number;
  readonly signal?: AbortSignal;
}

/**
 * Groups the failed fetches of a batch by origin and reason, the most frequent first. Counts the
 * record of each fetch that an export would write. Needs 13 bytes of memory per fetch.
 *
 * @throws ResultsNotFoundError if the batch has no folder
 */
export async function findFailures(options: FailuresOptions): Promise<FailureGroup[]> {
  const { dir, batch, signal } = options;
  const found = await findParts(typeof dir === 'string' ? [dir] : dir, batch);
  const parts = found.flatMap((one) => one.parts);
  const manifest = await firstManifest(found, batch);
  const known = manifest !== undefined && manifest.total > 0 ? manifest.total : options.total;
  const scan = { parts, batch, total: known ?? Number.MAX_SAFE_INTEGER, signal };
  const groups = new FailureGroups();
  await scanRecords(scan, {
    onSuccess: (index) => groups.addSuccess(index),
    onFailure: (line) => {
      const record = parseFailedRecord(line);
      if (record !== undefined) {
        groups.addFailure(record);
      }
      return true;
    },
  });
  // The second pass finds the examples: only now is it certain which failures count.
  await scanRecords(scan, {
    onSuccess: () => undefined,
    onFailure: (line) => {
      const record = groups.hasAllExamples ? undefined : parseFailedRecord(line);
      if (record !== undefined) {
        groups.offerExample(record);
      }
      return !groups.hasAllExamples;
    },
  });
  return groups.list();
}
