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

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#prefix = linePrefix(options.batch);
    this.#end = options.part.base + options.part.size;
    [this.#current, this.#spare] = options.buffers;
  }

  /** Resolves to the number of lines that are no records. */
  async run(): Promise<number> {
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
        if (length > 0) this.#scanLines(data.subarray(0, length), position);
        onProgress(next - position);
        position = next;
      }
    } finally {
      await Promise.allSettled([chunk]);
    }
    await this.#acceptLast();
    return this.#skipped;
  }

  /** Fills the buffer that is not being scanned. */
  async #read(position: number): Promise<Buffer> {
    [this.#current, this.#spare] = [this.#spare, this.#current];
    const chunk = this.#current.subarray(0, Math.min(SCAN_BYTES, this.#end - position));
    await this.#options.files.read(chunk, position);
    return chunk;
  }

  /** Handles complete lines. */
  #scanLines(data: Buffer, position: number): void {
    // A hole that a power cut left is full of zeros, and no JSON has them. One look per chunk is free.
    let zero = data.indexOf(0);
    for (let from = 0; from < data.length;) {
      const newline = data.indexOf(NEWLINE, from);
      if (zero >= 0 && zero < from) zero = data.indexOf(0, from);
      const isWhole = data[newline - 1] === CLOSING_BRACE && (zero < 0 || zero > newline);
      const index = isWhole ? readIndex(data, from, this.#prefix) : -1;
      this.#take({ index, position: position + from, length: newline + 1 - from });
      from = newline + 1;
    }
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
    if (previous !== undefined) this.#options.onLine(previous);
  }

  async #acceptLast(): Promise<void> {
    const last = this.#last;
    if (last === undefined) return;
    const line = Buffer.allocUnsafe(last.length);
    await this.#options.files.read(line, last.position);
    if (isJson(line)) this.#options.onLine(last);
    else this.#skipped += 1;
  }
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
