import { isBetter, type Rank, readRank } from '../folder/record-line.ts';
import type { PartFiles } from './part-files.ts';
import type { RecordIndex } from './record-index.ts';
import type { FoundLine } from './scan-part.ts';

/** Enough bytes for the fields before the body, unless the URL is very long. */
const HEAD_BYTES = 4096;

/** Whether a line is a better record of its fetch than the one that the index has. */
export function isBetterThanKnown(
  files: PartFiles,
  index: RecordIndex,
  key: number,
  line: FoundLine,
): boolean {
  const known = rankOf(files, index.position(key), index.length(key));
  return isBetter(rankOf(files, line.position, line.length), known);
}

/** A record without these fields has the lowest rank. */
function rankOf(files: PartFiles, position: number, length: number): Rank {
  const head = Buffer.allocUnsafe(Math.min(length, HEAD_BYTES));
  files.readSync(head, position);
  const rank = readRank(head);
  if (rank !== undefined || length <= HEAD_BYTES) {
    return rank ?? LOWEST_RANK;
  }
  const whole = Buffer.allocUnsafe(length);
  files.readSync(whole, position);
  return readRank(whole) ?? LOWEST_RANK;
}

const LOWEST_RANK: Rank = { isOk: false, startedAt: '' };
