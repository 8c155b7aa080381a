import type { PartFiles } from './part-files.ts';
import { RecordIndex } from './record-index.ts';
import type { Place } from './record-index.ts';
import { isBetter, readRank } from './record-line.ts';
import type { Rank } from './record-line.ts';
import { PartScan, SCAN_BYTES } from './scan-part.ts';
import type { FoundLine } from './scan-part.ts';

/** Enough for the fields before the body unless the URL is very long. */
const HEAD_BYTES = 4096;

export interface IndexPartsOptions {
  readonly files: PartFiles;
  readonly batch: string;
  /** Fetches of the batch; undefined while unknown. */
  readonly total: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (bytes: number) => void;
}

/** Finds the best record of every index in all parts. */
export async function indexParts(
  options: IndexPartsOptions,
): Promise<{ index: RecordIndex; skippedLines: number }> {
  const { files, batch, signal, onProgress, total = Infinity } = options;
  const index = new RecordIndex();
  const buffer = Buffer.allocUnsafe(SCAN_BYTES);
  let skippedLines = 0;
  for (const part of files.paths.keys()) {
    const onLine = (line: FoundLine): Promise<void> | undefined => {
      if (line.index >= total) skippedLines += 1;
      else if (index.has(line.index)) return replaceIfBetter(files, index, part, line);
      else index.set(line.index, part, line.offset, line.length);
      return undefined;
    };
    const scan = new PartScan({ files, part, batch, buffer, signal, onLine, onProgress });
    const skipped = await scan.run();
    skippedLines += skipped;
  }
  return { index, skippedLines };
}

async function replaceIfBetter(
  files: PartFiles,
  index: RecordIndex,
  part: number,
  line: FoundLine,
): Promise<void> {
  const known = index.get(line.index);
  if (known === undefined) return;
  const rank = await rankOf(files, { part, offset: line.offset, length: line.length });
  const knownRank = await rankOf(files, known);
  if (isBetter(rank, knownRank)) index.set(line.index, part, line.offset, line.length);
}

/** A record that lacks the fields is the worst there is. */
async function rankOf(files: PartFiles, { part, offset, length }: Place): Promise<Rank> {
  const head = await files.head(part, offset, Math.min(length, HEAD_BYTES));
  const rank = readRank(head);
  if (rank !== undefined) return rank;
  const whole = length > HEAD_BYTES ? await files.head(part, offset, length) : head;
  return readRank(whole) ?? { isOk: false, startedAt: '' };
}
