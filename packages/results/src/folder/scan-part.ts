import type { PartFile, PartFiles } from './part-files.ts';
import { linePrefix, readIndex } from './record-line.ts';

/** How much is read at once. */
const SCAN_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;

/** A line longer than this cannot be put into one string, so that no record of ours is as long. */
const MAX_LINE_BYTES = 2 ** 29;

/** A line that begins and ends like a record of the batch. */
export interface FoundLine {
  readonly index: number;
  readonly position: number;
  /** Bytes, the newline included. */
  readonly length: number;
}

/** Lines next to each other: some that fill a buffer, or one that is longer. Infinite and −1 if none is a record. */
interface Chunk {
  readonly position: number;
  readonly length: number;
  readonly lowest: number;
  readonly highest: number;
}

/** What a scan found in a part, so that the next one can leave out most of it. */
export interface Outline {
  readonly chunks: readonly Chunk[];
  /** No line from this position on is a record. */
  readonly end: number;
  /** Lines that are no records. */
  readonly skippedLines: number;
}

/** One is scanned while the other is filled. */
export type ScanBuffers = readonly [Buffer, Buffer];

/** Memory to scan in; the next scan may have it again. */
export function scanBuffers(): ScanBuffers {
  return [Buffer.allocUnsafe(SCAN_BYTES), Buffer.allocUnsafe(SCAN_BYTES)];
}

export interface ScanOptions {
  readonly files: PartFiles;
  readonly part: PartFile;
  readonly batch: string;
  readonly buffers: ScanBuffers;
  readonly signal: AbortSignal | undefined;
  readonly onLine: (line: FoundLine) => void;
  readonly onProgress: (bytes: number) => void;
}

/**
 * Finds the records of one part in a single pass and memory of two chunks, however long a line is. Only the
 * last complete line is parsed: it alone can be one whose bytes reached the disk in part.
 */
export class PartScan {
  readonly #options: ScanOptions;
  readonly #prefix: Buffer;
  readonly #end: number;
  #spare: Buffer;
  #current: Buffer;
  #skipped = 0;
  #last: FoundLine | undefined;
  readonly #chunks: Chunk[] = [];
  #lowest = Infinity;
  #highest = -1;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#prefix = linePrefix(options.batch);
    this.#end = options.part.base + options.part.size;
    [this.#current, this.#spare] = options.buffers;
  }

  async run(): Promise<Outline> {
    const { part, signal, onProgress } = this.#options;
    let position = part.base;
    let chunk = this.#read(position);
    try {
      while (position < this.#end) {
        signal?.throwIfAborted();
        const data = await chunk;
        const length = data.lastIndexOf(NEWLINE) + 1;
        const next = length > 0 ? position + length : await this.#scanLongLine(data, position);
        // Nothing is awaited between this and the next `await chunk`, or its failure could go unseen.
        chunk = this.#read(next);
        if (length > 0) {
          findLines(data.subarray(0, length), position, this.#prefix, (line) => this.#take(line));
        }
        this.#endChunk(position, next - position);
        onProgress(next - position);
        position = next;
      }
    } finally {
      await Promise.allSettled([chunk]);
    }
    const end = await this.#acceptLast();
    return { chunks: this.#chunks, end, skippedLines: this.#skipped };
  }

  /** Fills the buffer that is not being scanned. */
  async #read(position: number): Promise<Buffer> {
    [this.#current, this.#spare] = [this.#spare, this.#current];
    const chunk = this.#current.subarray(0, Math.min(SCAN_BYTES, this.#end - position));
    await this.#options.files.read(chunk, position);
    return chunk;
  }

  /** A line that does not end in the chunk it begins: follows it to its end, and returns where that is. */
  async #scanLongLine(chunk: Buffer, position: number): Promise<number> {
    const index = readIndex(chunk, 0, this.#prefix);
    let hasZero = chunk.includes(0);
    let before = chunk.at(-1);
    for (let at = position + chunk.length; at < this.#end; at += SCAN_BYTES) {
      this.#options.signal?.throwIfAborted();
      const piece = await this.#read(at);
      const newline = piece.indexOf(NEWLINE);
      const rest = newline < 0 ? piece : piece.subarray(0, newline);
      hasZero ||= rest.includes(0);
      before = rest.at(-1) ?? before;
      if (newline < 0) continue;
      const length = at + newline + 1 - position;
      const isWhole = before === CLOSING_BRACE && !hasZero && length < MAX_LINE_BYTES;
      this.#take({ index: isWhole ? index : -1, position, length });
      return position + length;
    }
    this.#skipped += 1;
    return this.#end;
  }

  #take(line: FoundLine): void {
    if (line.index < 0) {
      this.#skipped += 1;
      return;
    }
    const previous = this.#last;
    this.#last = line;
    this.#lowest = Math.min(this.#lowest, line.index);
    this.#highest = Math.max(this.#highest, line.index);
    if (previous !== undefined) this.#options.onLine(previous);
  }

  #endChunk(position: number, length: number): void {
    this.#chunks.push({ position, length, lowest: this.#lowest, highest: this.#highest });
    this.#lowest = Infinity;
    this.#highest = -1;
  }

  /** Returns where the records end. */
  async #acceptLast(): Promise<number> {
    const last = this.#last;
    if (last === undefined) return this.#options.part.base;
    const line = Buffer.allocUnsafe(last.length);
    await this.#options.files.read(line, last.position);
    if (isJson(line)) {
      this.#options.onLine(last);
      return last.position + last.length;
    }
    this.#skipped += 1;
    return last.position;
  }
}

/** Tells of every line in `data`, which holds complete lines; those that are no records have the index −1. */
function findLines(
  data: Buffer,
  position: number,
  prefix: Buffer,
  tell: (line: FoundLine) => void,
): void {
  // A hole that a power cut left is full of zeros, and no JSON has them. One look per chunk is free.
  let zero = data.indexOf(0);
  for (let from = 0; from < data.length;) {
    const newline = data.indexOf(NEWLINE, from);
    if (zero >= 0 && zero < from) zero = data.indexOf(0, from);
    const isWhole = data[newline - 1] === CLOSING_BRACE && (zero < 0 || zero > newline);
    const index = isWhole ? readIndex(data, from, prefix) : -1;
    tell({ index, position: position + from, length: newline + 1 - from });
    from = newline + 1;
  }
}

export interface RescanOptions extends Pick<ScanOptions, 'files' | 'batch' | 'signal' | 'onLine'> {
  readonly outline: Outline;
  readonly range: readonly [from: number, to: number];
  /** Memory of one chunk. */
  readonly buffer: Buffer;
}

/**
 * Tells of the records of a part once more, without the chunks that have none in the range. Returns the lowest
 * index behind the range in what was left out.
 */
export async function rescanPart(options: RescanOptions): Promise<number> {
  const { files, outline, signal, buffer, onLine } = options;
  const [from, to] = options.range;
  const prefix = linePrefix(options.batch);
  let next = Infinity;
  for (const { position, length, lowest, highest } of outline.chunks) {
    if (lowest >= to) next = Math.min(next, lowest);
    if (lowest >= to || highest < from || position >= outline.end) continue;
    signal?.throwIfAborted();
    if (length > SCAN_BYTES) {
      onLine({ index: lowest, position, length });
      continue;
    }
    const data = buffer.subarray(0, length);
    await files.read(data, position);
    findLines(data, position, prefix, (line) => {
      if (line.index >= 0 && line.position < outline.end) onLine(line);
    });
  }
  return next;
}

function isJson(line: Buffer): boolean {
  try {
    JSON.parse(line.toString('utf8'));
    return true;
  } catch {
    // A torn line is what this question is about.
    return false;
  }
}
