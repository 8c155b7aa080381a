import { PartFiles } from '../export/part-files.ts';
import { PartsIndexer } from '../export/parts-indexer.ts';
import { type FoundLine, PartScan, type PartSummary, scanBuffers } from '../export/scan-part.ts';
import { ResultsNotFoundError } from '../folder/errors.ts';
import { findParts, type Parts } from '../folder/layout.ts';

const onProgress = (): void => undefined;

/** Records in the index of pages, 20 bytes each. */
const MAX_INDEXED_PAGES = 2 ** 20;

interface VerifyOptions {
  /** Results folder, or several: a fetch may have its pages in different ones. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  /** Fetches of the batch. */
  readonly total: number;
  readonly signal?: AbortSignal;
}

/** What the parts of a batch hold. */
export interface PartsContent {
  /** Fetches with a record, or with all of their pages. */
  readonly records: number;
  /** Pages that an export writes; absent in a batch without pages. */
  readonly pages?: number;
  /** Further records of the same fetches or pages. An export leaves them out. */
  readonly doubled: number;
  /** Lines that are not whole: not written to their end, or damaged since. */
  readonly torn: number;
  /** Lines of another batch, with an index beyond the total, or of something else. */
  readonly foreign: number;
  /** A sentence for each part that was not read, because it is no regular file. */
  readonly skippedParts: readonly string[];
  /** Whether a fetch has a record, or all of its pages. */
  readonly has: (index: number) => boolean;
}

/**
 * Reads the parts of a batch once, and as an export does twice more where fetches have pages: for
 * the number of pages of each, and for the pages. Needs one bit of memory for each fetch, and two
 * with pages, beside an index of pages of a fixed size. A batch without a folder has no records.
 *
 * @throws ResultsChangedError, ResultsUnreadableError, InvalidIdError; the reason of `signal`
 */
export async function verifyParts(options: VerifyOptions): Promise<PartsContent> {
  const { dir, batch, total, signal } = options;
  const { files: found, skipped } = await partsOf(typeof dir === 'string' ? [dir] : dir, batch);
  const files = new PartFiles(found);
  const fetches = new Bits(total);
  const counts = { doubled: 0, torn: 0, foreign: 0 };
  let hasPages = false;
  const onLine = ({ index, page }: FoundLine): void => {
    hasPages ||= page > 0;
    if (index >= total) {
      counts.foreign += 1;
    } else if (!fetches.add(index)) {
      counts.doubled += 1;
    }
  };
  const buffers = scanBuffers();
  const summaries: PartSummary[] = [];
  try {
    for (const part of files.parts) {
      const scan = new PartScan({
        files,
        part,
        batch,
        buffers,
        signal,
        onLine,
        onProgress,
        checksJson: true,
      });
      const summary = await scan.run();
      summaries.push(summary);
      const { skippedLines, foreignLines } = summary;
      counts.torn += skippedLines - foreignLines;
      counts.foreign += foreignLines;
    }
    const lines = fetches.size + counts.doubled;
    const content = { ...counts, skippedParts: skipped };
    if (!hasPages) {
      return { ...content, records: fetches.size, has: (index) => fetches.has(index) };
    }
    const whole = new Bits(total);
    const pages = await countPages({ files, batch, total, signal, summaries }, whole);
    const has = (index: number): boolean => whole.has(index);
    return { ...content, records: whole.size, pages, doubled: lines - pages, has };
  } finally {
    await files.stop();
  }
}

/** @param whole gets the fetches that have all of their pages */
async function countPages(
  options: Pick<VerifyOptions, 'batch' | 'total'> & {
    readonly files: PartFiles;
    readonly signal: AbortSignal | undefined;
    readonly summaries: readonly PartSummary[];
  },
  whole: Bits,
): Promise<number> {
  const parts = new PartsIndexer({
    ...options,
    maxRecords: MAX_INDEXED_PAGES,
    onProgress,
    onComplete: (index) => whole.add(index),
  });
  let pages = 0;
  for await (const { size } of parts.indexes()) {
    pages += size;
  }
  return pages;
}

/** A set of fetches. */
class Bits {
  readonly #bytes: Uint8Array;
  #size = 0;

  constructor(total: number) {
    this.#bytes = new Uint8Array(Math.ceil(total / 8));
  }

  get size(): number {
    return this.#size;
  }

  has(index: number): boolean {
    return ((this.#bytes[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  /** @returns whether it is new */
  add(index: number): boolean {
    if (this.has(index)) {
      return false;
    }
    this.#bytes[index >>> 3] = (this.#bytes[index >>> 3] ?? 0) | (1 << (index & 7));
    this.#size += 1;
    return true;
  }
}

async function partsOf(
  dirs: readonly string[],
  batch: string,
): Promise<Pick<Parts, 'files' | 'skipped'>> {
  try {
    return (await findParts(dirs, batch)).parts;
  } catch (error) {
    if (error instanceof ResultsNotFoundError) {
      return { files: [], skipped: [] };
    }
    throw error;
  }
}
