import { closeSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { findParts } from '../folder/layout.ts';
import { openFoundSync, type RegularFile } from '../folder/regular-file.ts';
import { parseHead } from './record-head.ts';

/** Of each part, so much of its end is read. */
const TAIL_BYTES = 256 * 1024;
/** The largest parts: those of the workers that have written most. */
const MAX_PARTS = 8;
const NEWLINE = 0x0a;

const readAt = promisify(read);

/**
 * How long the fetches took whose records were written last, in milliseconds: some thousands, or
 * fewer where bodies are large. Reads at most 2 MiB, however many records there are.
 *
 * @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError
 */
export async function recentDurations(dirs: readonly string[], batch: string): Promise<number[]> {
  const { files } = (await findParts(dirs, batch)).parts;
  const largest = files.toSorted((one, other) => other.size - one.size).slice(0, MAX_PARTS);
  const found = await Promise.all(largest.map(async (part) => durationsIn(await tailOf(part))));
  return found.flat();
}

async function tailOf(part: RegularFile): Promise<Buffer> {
  const start = Math.max(0, part.size - TAIL_BYTES);
  const tail = Buffer.allocUnsafe(part.size - start);
  const file = openFoundSync(part);
  try {
    const { bytesRead } = await readAt(file, tail, 0, tail.length, start);
    const bytes = tail.subarray(0, bytesRead);
    // The first line may have begun before.
    return start === 0 ? bytes : bytes.subarray(bytes.indexOf(NEWLINE) + 1);
  } finally {
    closeSync(file);
  }
}

/** Of complete lines. */
function durationsIn(tail: Buffer): number[] {
  const durations: number[] = [];
  let from = 0;
  for (let end = tail.indexOf(NEWLINE); end >= 0; end = tail.indexOf(NEWLINE, from)) {
    const parsed = parseHead(tail.subarray(from, end), true);
    if (parsed !== undefined && parsed !== null) {
      durations.push(parsed.head.durationMs);
    }
    from = end + 1;
  }
  return durations;
}
