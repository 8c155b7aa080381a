import { readLines } from '../export/read-lines.ts';
import { linePrefix, readIndex, readRank } from '../folder/record-line.ts';
import { type FailedRecord, parseFailedRecord } from './failed-record.ts';

interface StreamOptions {
  /** Results folder, or several: the batch has records in each. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  /** Fetches of the batch. Records with a higher index are not of it. */
  readonly total: number;
  readonly signal?: AbortSignal;
  /** Called for each failed fetch, in the order of the crawl. The next one waits for it. */
  readonly onFailure: (record: FailedRecord) => void | Promise<void>;
}

/**
 * Every failed fetch of a batch, with the record that an export would write. Memory does not grow
 * with the batch.
 *
 * @returns a sentence for each part that was not read, because it is no regular file
 * @throws what an export throws, and what `onFailure` throws
 */
export async function streamFailures(options: StreamOptions): Promise<readonly string[]> {
  const { dir, batch, total, signal, onFailure } = options;
  const prefix = linePrefix(batch);
  const { skippedParts } = await readLines({
    dir,
    batch,
    total,
    ...(signal !== undefined && { signal }),
    onLine: (line) => {
      const index = readIndex(line, 0, prefix);
      const isFailed = index >= 0 && readRank(line)?.isOk === false;
      const record = isFailed ? parseFailedRecord(line, index) : undefined;
      return record === undefined ? undefined : onFailure(record);
    },
  });
  return skippedParts;
}
