import { PartFiles } from '../export/part-files.ts';
import { type FoundLine, PartScan, scanBuffers } from '../export/scan-part.ts';
import { ResultsNotFoundError } from '../folder/errors.ts';
import { batchFolder, listParts, type Parts } from '../folder/layout.ts';

const onProgress = (): void => undefined;

interface VerifyOptions {
  /** Results folder. */
  readonly dir: string;
  readonly batch: string;
  /** Fetches of the batch. */
  readonly total: number;
  readonly signal?: AbortSignal;
}

/** What the parts of a batch hold. */
export interface PartsContent {
  /** Fetches with a record. */
  readonly records: number;
  /** Further records of the same fetches. An export keeps one of them. */
  readonly doubled: number;
  /** Lines that were not written to their end. */
  readonly torn: number;
  /** Lines of another batch, with an index beyond the total, or of something else. */
  readonly foreign: number;
  /** A sentence for each part that was not read, because it is no regular file. */
  readonly skippedParts: readonly string[];
  /** Whether a fetch has a record. */
  readonly has: (index: number) => boolean;
}

/**
 * Reads the parts of a batch once, as an export does. Needs one bit of memory for each fetch. A
 * batch without a folder has no records.
 *
 * @throws ResultsChangedError, ResultsUnreadableError, InvalidIdError; the reason of `signal`
 */
export async function verifyParts(options: VerifyOptions): Promise<PartsContent> {
  const { dir, batch, total, signal } = options;
  const { files: found, skipped } = await partsOf(dir, batch);
  const files = new PartFiles(found);
  const seen = new Uint8Array(Math.ceil(total / 8));
  const has = (index: number): boolean => ((seen[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  const counts = { records: 0, doubled: 0, torn: 0, foreign: 0 };
  const onLine = ({ index }: FoundLine): void => {
    if (index >= total) {
      counts.foreign += 1;
    } else if (has(index)) {
      counts.doubled += 1;
    } else {
      counts.records += 1;
      seen[index >> 3] = (seen[index >> 3] ?? 0) | (1 << (index & 7));
    }
  };
  const buffers = scanBuffers();
  try {
    for (const part of files.parts) {
      const scan = new PartScan({ files, part, batch, buffers, signal, onLine, onProgress });
      const { skippedLines, foreignLines } = await scan.run();
      counts.torn += skippedLines - foreignLines;
      counts.foreign += foreignLines;
    }
  } finally {
    await files.stop();
  }
  return { ...counts, skippedParts: skipped, has };
}

async function partsOf(dir: string, batch: string): Promise<Parts> {
  try {
    return await listParts(batchFolder(dir, batch));
  } catch (error) {
    if (error instanceof ResultsNotFoundError) {
      return { files: [], skipped: [] };
    }
    throw error;
  }
}
