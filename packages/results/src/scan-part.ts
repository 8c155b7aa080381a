import type { PartFiles } from './part-files.ts';
import { linePrefix, readIndex } from './record-line.ts';

/** How much is read at once. */
export const SCAN_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;

/** A line longer than this cannot be put into one string, so that no record of ours is as long. */
const MAX_LINE_BYTES = 2 ** 29;

/** A line that begins and ends like a record of the batch. */
export interface FoundLine {
  readonly index: number;
  readonly offset: number;
  /** Bytes, the newline included. */
  readonly length: number;
}

export interface ScanOptions {
  readonly files: PartFiles;
  readonly part: number;
  readonly batch: string;
  /** Memory to scan in, 1 MiB; the next scan may have it again. */
  readonly buffer: Buffer;
  readonly signal: AbortSignal | undefined;
  readonly onLine: (line: FoundLine) => Promise<void> | undefined;
  readonly onProgress: (bytes: number) => void;
}

/**
 * Finds the records of one part in a single pass and memory of one chunk, however long a line is. Only the
 * last complete line is parsed: it alone can be one whose bytes reached the disk in part.
 */
export class PartScan {
  readonly #options: ScanOptions;
  readonly #prefix: Buffer;
  readonly #buffer: Buffer;
  #skipped = 0;
  #last: FoundLine | undefined;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#prefix = linePrefix(options.batch);
    this.#buffer = options.buffer;
  }

  /** Resolves to the number of lines that are no records. */
  async run(): Promise<number> {
    const { files, part, signal, onProgress } = this.#options;
    const size = await files.size(part);
    let position = 0;
    while (position < size) {
      signal?.throwIfAborted();
      const chunk = this.#buffer.subarray(0, Math.min(this.#buffer.length, size - position));
      await files.read(part, chunk, position);
      const used = await this.#scanChunk(chunk, position);
      const next = used > 0 ? position + used : await this.#scanLongLine(chunk, position, size);
      onProgress(next - position);
      position = next;
    }
    await this.#acceptLast();
    return this.#skipped;
  }

  /** Handles the complete lines of a chunk and returns how many bytes they had. */
  async #scanChunk(chunk: Buffer, position: number): Promise<number> {
    let from = 0;
    // A hole that a power cut left is full of zeros, and no JSON has them. One look per chunk is free.
    let zero = chunk.indexOf(0);
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, from);
      if (newline < 0) return from;
      if (zero >= 0 && zero < from) zero = chunk.indexOf(0, from);
      const isWhole = chunk[newline - 1] === CLOSING_BRACE && (zero < 0 || zero > newline);
      const index = isWhole ? readIndex(chunk, from, this.#prefix) : -1;
      const taken = this.#take({ index, offset: position + from, length: newline + 1 - from });
      if (taken !== undefined) await taken;
      from = newline + 1;
    }
  }

  /** A line that does not end in the chunk it begins: follows it to its end, and returns where that is. */
  async #scanLongLine(chunk: Buffer, position: number, size: number): Promise<number> {
    const index = readIndex(chunk, 0, this.#prefix);
    let hasZero = chunk.includes(0);
    let before = chunk.at(-1);
    for (let at = position + chunk.length; at < size; at += this.#buffer.length) {
      this.#options.signal?.throwIfAborted();
      const piece = this.#buffer.subarray(0, Math.min(this.#buffer.length, size - at));
      await this.#options.files.read(this.#options.part, piece, at);
      const newline = piece.indexOf(NEWLINE);
      const rest = newline < 0 ? piece : piece.subarray(0, newline);
      hasZero ||= rest.includes(0);
      before = rest.at(-1) ?? before;
      if (newline < 0) continue;
      const end = at + newline + 1;
      const isWhole = before === CLOSING_BRACE && !hasZero && end - position < MAX_LINE_BYTES;
      await this.#take({ index: isWhole ? index : -1, offset: position, length: end - position });
      return end;
    }
    this.#skipped += 1;
    return size;
  }

  #take(line: FoundLine): Promise<void> | undefined {
    if (line.index < 0) {
      this.#skipped += 1;
      return undefined;
    }
    const previous = this.#last;
    this.#last = line;
    return previous === undefined ? undefined : this.#options.onLine(previous);
  }

  async #acceptLast(): Promise<void> {
    const last = this.#last;
    if (last === undefined) return;
    const line = Buffer.allocUnsafe(last.length);
    await this.#options.files.read(this.#options.part, line, last.offset);
    if (isJson(line)) await this.#options.onLine(last);
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
