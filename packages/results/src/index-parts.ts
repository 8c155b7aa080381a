import type { PartFiles } from './part-files.ts';
import { RecordIndex } from './record-index.ts';
import { isBetter, readRank } from './record-line.ts';
import type { Rank } from './record-line.ts';
import { PartScan, scanBuffers } from './scan-part.ts';
import type { FoundLine } from './scan-part.ts';

/** Enough for the fields before the body unless the URL is very long. */
const HEAD_BYTES = 4096;

export interface IndexPartsOptions {
  readonly files: PartFiles;
  readonly batch: string;
  /** Fetches of the batch; undefined while unknown. */
  readonly total: number | undefined;
  /** Indexes that are wanted: from the first to before the second. */
  readonly range: readonly [from: number, to: number];
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (bytes: number) => void;
}

export interface IndexedParts {
  /** Of the range only. */
  readonly index: RecordIndex;
  /** Of all parts. */
  readonly skippedLines: number;
  /** The lowest index behind the range that has a record; undefined if there is none. */
  readonly next: number | undefined;
}

/** Finds the best record of every index in the range, in all parts. */
export async function indexParts(options: IndexPartsOptions): Promise<IndexedParts> {
  const { files, batch, signal, onProgress, total = Infinity } = options;
  const [from, to] = options.range;
  const index = new RecordIndex();
  const buffers = scanBuffers();
  let skippedLines = 0;
  let next = Infinity;
  const onLine = (line: FoundLine): void => {
    if (line.index >= total) skippedLines += 1;
    else if (line.index >= to) next = Math.min(next, line.index);
    else if (line.index < from) return;
    else if (!index.has(line.index) || isBetterThanKnown(files, index, line)) {
      index.set(line.index, line.position, line.length);
    }
  };
  for (const part of files.parts) {
    const scan = new PartScan({ files, part, batch, buffers, signal, onLine, onProgress });
    const skipped = await scan.run();
    skippedLines += skipped;
  }
  return { index, skippedLines, next: next === Infinity ? undefined : next };
}

function isBetterThanKnown(files: PartFiles, index: RecordIndex, line: FoundLine): boolean {
  const known = rankOf(files, index.position(line.index), index.length(line.index));
  return isBetter(rankOf(files, line.position, line.length), known);
}

/** A record that lacks the fields is the worst there is. */
function rankOf(files: PartFiles, position: number, length: number): Rank {
  const head = Buffer.allocUnsafe(Math.min(length, HEAD_BYTES));
  files.readSync(head, position);
  const rank = readRank(head);
  if (rank !== undefined || length <= HEAD_BYTES) return rank ?? WORST;
  const whole = Buffer.allocUnsafe(length);
  files.readSync(whole, position);
  return readRank(whole) ?? WORST;
}

const WORST: Rank = { isOk: false, startedAt: '' };
