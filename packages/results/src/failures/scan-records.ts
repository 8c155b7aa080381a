import { createReadStream } from 'node:fs';
import { readError } from '../folder/errors.ts';
import { linePrefix, readIndex, readPage, readRank } from '../folder/record-line.ts';
import { openFoundSync, type RegularFile } from '../folder/regular-file.ts';

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;
/** Most bytes kept of a line. The fields before the body need far fewer. */
const MAX_LINE_BYTES = 4 * CHUNK_BYTES;

export interface RecordScan {
  readonly parts: readonly RegularFile[];
  readonly batch: string;
  /** Records with this index or a higher one are skipped. */
  readonly total: number;
  /** Stop after this many bytes. @default read everything */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RecordVisitor {
  onSuccess(index: number): void;
  /** @returns false to stop the scan */
  onFailure(line: Buffer, index: number): boolean;
}

/**
 * Reads the records of a batch in the order of its parts, as far as they had been written when the
 * parts were listed; of a fetch with pages, that of the last one. Skips torn and damaged lines.
 *
 * @throws ResultsUnreadableError, ResultsChangedError; the reason of `signal`
 */
export async function scanRecords(scan: RecordScan, visitor: RecordVisitor): Promise<void> {
  const visit = lineVisitor(scan, visitor);
  const { signal } = scan;
  let bytesLeft = scan.maxBytes ?? Infinity;
  for (const part of scan.parts) {
    const bytes = Math.min(part.size, bytesLeft);
    if (bytes === 0) {
      continue;
    }
    try {
      // The stream reads from the descriptor and closes it.
      const stream = createReadStream(part.path, {
        fd: openFoundSync(part),
        highWaterMark: CHUNK_BYTES,
        start: 0,
        end: bytes - 1,
        ...(signal && { signal }),
      });
      if (!(await visitLines(stream, visit))) {
        return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw readError(part.path, error);
    }
    bytesLeft -= bytes;
  }
}

/** @returns false if the visitor has stopped the scan */
async function visitLines(
  stream: AsyncIterable<unknown>,
  visit: (line: Buffer) => boolean,
): Promise<boolean> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const piece of stream) {
    const chunk: Buffer = Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece));
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, end);
      const line = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
      rest = [];
      restBytes = 0;
      from = end + 1;
      if (line.at(-1) === CLOSING_BRACE && !visit(line)) {
        return false;
      }
    }
    const left = chunk.subarray(from);
    if (left.length === 0) {
      continue;
    }
    // Always keep the last piece: its last byte shows whether the line is complete.
    if (restBytes > MAX_LINE_BYTES) {
      rest.pop();
    }
    rest.push(left);
    restBytes += left.length;
  }
  return true;
}

/** A function for one line without its newline. It returns false to stop the scan. */
function lineVisitor(
  { batch, total }: RecordScan,
  visitor: RecordVisitor,
): (line: Buffer) => boolean {
  const prefix = linePrefix(batch);
  return (line) => {
    const index = readIndex(line, 0, prefix);
    if (index < 0 || index >= total) {
      return true;
    }
    // A fetch ends as its last page does.
    if (readPage(line, 0, prefix)?.isLast !== true) {
      return true;
    }
    if (readRank(line)?.isOk !== true) {
      return visitor.onFailure(line, index);
    }
    visitor.onSuccess(index);
    return true;
  };
}
