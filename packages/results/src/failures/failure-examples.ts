import type { Outcome } from '@fetchfleet/crawl';
import { findParts } from '../folder/layout.ts';
import { type FailedRecord, parseFailedRecord } from './failed-record.ts';
import { scanRecords } from './scan-records.ts';

/** Contains an example of each outcome in most batches, and is read in well under a second. */
const MAX_BYTES = 32 * 1024 * 1024;

/** One failed fetch, shown as an example of its outcome. */
export type FailureExample = Pick<FailedRecord, 'index' | 'url' | 'status' | 'error'>;

interface FailureExamplesOptions {
  /** Results folder, or several: the batch has records in each. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  readonly outcomes: ReadonlySet<Outcome>;
  /** Whether the fetch still has this outcome. @default always: nothing was fetched again */
  readonly isFailed?: (index: number, outcome: Outcome) => boolean;
}

/** Finds a failed record for each outcome in the first 32 MiB. Ignores what it cannot read. */
export async function findFailureExamples(
  options: FailureExamplesOptions,
): Promise<Map<Outcome, FailureExample>> {
  const { dir, batch, outcomes, isFailed = () => true } = options;
  const found = new Map<Outcome, FailureExample>();
  if (outcomes.size === 0) {
    return found;
  }
  try {
    const { parts } = await findParts(typeof dir === 'string' ? [dir] : dir, batch);
    const scan = { parts: parts.files, batch, total: Infinity, maxBytes: MAX_BYTES };
    await scanRecords(scan, {
      onSuccess: () => undefined,
      onFailure: (line, index) => {
        const record = parseFailedRecord(line, index);
        if (record === undefined || !outcomes.has(record.outcome)) {
          return true;
        }
        if (!found.has(record.outcome) && isFailed(record.index, record.outcome)) {
          found.set(record.outcome, record);
        }
        return found.size < outcomes.size;
      },
    });
  } catch {
    // Examples are optional: the summary is shown without them.
  }
  return found;
}
