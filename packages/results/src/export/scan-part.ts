import { isUtf8 } from 'node:buffer';
import { isJson } from '@fetchfleet/crawl';
import {
  linePrefix,
  NO_PAGE,
  readIndex,
  readPage,
  type RecordPage,
} from '../folder/record-line.ts';
import type { PartFile, PartFiles } from './part-files.ts';

/** Bytes per read. */
const SCAN_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;

/** A longer line does not fit in a string, so no worker can have written it. */
const MAX_LINE_BYTES = 2 ** 29;

/** In place of an index: the line is not a record of the batch. */
const FOREIGN = -1;
/** In place of an index: the line is not whole. */
const TORN = -2;

/** A line that begins and ends like a record of the batch. */
export interface FoundLine extends RecordPage {
  readonly index: number;
  readonly position: number;
  /** Bytes including the newline. */
  readonly length: number;
}

/** Consecutive lines: as many as fit in a buffer, or one longer line. */
interface Chunk {
  readonly position: number;
  /** Bytes. */
  readonly length: number;
  /** Lowest index in the chunk; Infinity without records. */
  readonly lowest: number;
  /** Highest index in the chunk; -1 without records. */
  readonly highest: number;
  /** Whether only the JSON of a line in it shows that the line is not whole. */
  readonly isDamaged: boolean;
}

/** The result of a scan. A rescan uses it to skip most of the part. */
export interface PartSummary {
  readonly chunks: readonly Chunk[];
  /** Position after the last record. */
  readonly end: number;
  /** Lines that are not records of the batch. */
  readonly skippedLines: number;
  /** Those among them that are complete: records of another batch, or something else. */
  readonly foreignLines: number;
}

/** One buffer is scanned while the other is filled. */
export type ScanBuffers = readonly [Buffer, Buffer];

/** Memory for a scan. Later scans can reuse it. */
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
  /** Whether every line has to be JSON; takes four times as long. @default false */
  readonly checksJson?: boolean;
}

/**
 * Finds the records of one part in a single pass. Needs memory for two chunks, even for long lines.
 * Unless all lines are checked, only the last complete one is parsed, because only its bytes can be
 * incomplete after a crash. A long line that is parsed needs memory for all of it.
 */
export class PartScan {
  readonly #options: ScanOptions;
  readonly #prefix: Buffer;
  readonly #end: number;
  #spare: Buffer;
  #current: Buffer;
  #skipped = 0;
  #foreign = 0;
  #last: FoundLine | undefined;
  readonly #chunks: Chunk[] = [];
  #lowest = Infinity;
  #highest = -1;
  #isDamaged = false;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#prefix = linePrefix(options.batch);
    this.#end = options.part.base + options.part.size;
    [this.#current, this.#spare] = options.buffers;
  }

  async run(): Promise<PartSummary> {
    const { part, signal, onProgress } = this.#options;
    let position = part.base;
    let chunk = this.#read(position);
    try {
      while (position < this.#end) {
        signal?.throwIfAborted();
        const data = await chunk;
        const length = data.lastIndexOf(NEWLINE) + 1;
        const next = length > 0 ? position + length : await this.#scanLongLine(data, position);
        // Await nothing else before `await chunk`: a failed read would be an unhandled rejection.
        chunk = this.#read(next);
        if (length > 0) {
          const lines = data.subarray(0, length);
          this.#isDamaged = findLines({
            data: lines,
            position,
            prefix: this.#prefix,
            onLine: (line) => this.#accept(line),
            checksJson: this.#options.checksJson === true,
          });
        }
        this.#endChunk(position, next - position);
        onProgress(next - position);
        position = next;
      }
    } finally {
      await Promise.allSettled([chunk]);
    }
    const end = await this.#acceptLast();
    const [skippedLines, foreignLines] = [this.#skipped, this.#foreign];
    return { chunks: this.#chunks, end, skippedLines, foreignLines };
  }

  /** Swaps the buffers and fills the free one. */
  async #read(position: number): Promise<Buffer> {
    [this.#current, this.#spare] = [this.#spare, this.#current];
    const chunk = this.#current.subarray(0, Math.min(SCAN_BYTES, this.#end - position));
    await this.#options.files.read(chunk, position);
    return chunk;
  }

  /** Reads a line that is longer than a chunk. @returns the position after it */
  async #scanLongLine(chunk: Buffer, position: number): Promise<number> {
    const found = identify(chunk, 0, this.#prefix);
    let hasZero = chunk.includes(0);
    let lastByte = chunk.at(-1);
    for (let at = position + chunk.length; at < this.#end; at += SCAN_BYTES) {
      this.#options.signal?.throwIfAborted();
      const piece = await this.#read(at);
      const newline = piece.indexOf(NEWLINE);
      const rest = newline < 0 ? piece : piece.subarray(0, newline);
      hasZero ||= rest.includes(0);
      lastByte = rest.at(-1) ?? lastByte;
      if (newline < 0) {
        continue;
      }
      const length = at + newline + 1 - position;
      const isWhole =
        lastByte === CLOSING_BRACE &&
        !hasZero &&
        length < MAX_LINE_BYTES &&
        (this.#options.checksJson !== true || (await this.#isJsonAt(position, length)));
      this.#accept({ ...(isWhole ? found : TORN_LINE), position, length });
      return position + length;
    }
    this.#skipped += 1;
    return this.#end;
  }

  #accept(line: FoundLine): void {
    if (line.index < 0) {
      this.#skipped += 1;
      this.#foreign += line.index === TORN ? 0 : 1;
      return;
    }
    const previous = this.#last;
    this.#last = line;
    this.#lowest = Math.min(this.#lowest, line.index);
    this.#highest = Math.max(this.#highest, line.index);
    if (previous !== undefined) {
      this.#options.onLine(previous);
    }
  }

  #endChunk(position: number, length: number): void {
    this.#chunks.push({
      position,
      length,
      lowest: this.#lowest,
      highest: this.#highest,
      isDamaged: this.#isDamaged,
    });
    this.#lowest = Infinity;
    this.#highest = -1;
    this.#isDamaged = false;
  }

  /** Reports the last line if it is complete. @returns the position after the last record */
  async #acceptLast(): Promise<number> {
    const last = this.#last;
    if (last === undefined) {
      return this.#options.part.base;
    }
    // If not, the line is torn.
    if (await this.#isJsonAt(last.position, last.length)) {
      this.#options.onLine(last);
      return last.position + last.length;
    }
    this.#skipped += 1;
    return last.position;
  }

  async #isJsonAt(position: number, length: number): Promise<boolean> {
    const line = Buffer.allocUnsafe(length);
    await this.#options.files.read(line, position);
    // An export shows such bytes as U+FFFD.
    const isText = this.#options.checksJson !== true || isUtf8(line);
    return isText && isJson(line);
  }
}

/** Which record a line is. */
type Identity = Pick<FoundLine, 'index' | keyof RecordPage>;

const TORN_LINE: Identity = { index: TORN, ...NO_PAGE };
const FOREIGN_LINE: Identity = { index: FOREIGN, ...NO_PAGE };

function identify(data: Buffer, from: number, prefix: Buffer): Identity {
  const index = readIndex(data, from, prefix);
  const found = index < 0 ? undefined : readPage(data, from, prefix);
  return found === undefined ? FOREIGN_LINE : { index, page: found.page, isLast: found.isLast };
}

interface LinesInput {
  /** Complete lines. */
  readonly data: Buffer;
  /** Position of the first byte. */
  readonly position: number;
  readonly prefix: Buffer;
  readonly onLine: (line: FoundLine) => void;
  readonly checksJson: boolean;
}

/**
 * Reports all lines in `data`. A line that is not a record has a negative index.
 *
 * @returns whether only the JSON of a line shows that it is not whole
 */
function findLines({ data, position, prefix, onLine, checksJson }: LinesInput): boolean {
  const isText = checksJson && isUtf8(data);
  let isDamaged = false;
  // A power cut can leave a hole of zero bytes, which JSON never contains. One search per chunk
  // costs almost nothing.
  let zero = data.indexOf(0);
  for (let from = 0; from < data.length;) {
    const newline = data.indexOf(NEWLINE, from);
    if (zero >= 0 && zero < from) {
      zero = data.indexOf(0, from);
    }
    let isWhole = data[newline - 1] === CLOSING_BRACE && (zero < 0 || zero > newline);
    if (checksJson && isWhole) {
      const line = data.subarray(from, newline);
      isWhole = (isText || isUtf8(line)) && isJson(line);
      isDamaged ||= !isWhole;
    }
    const { index, page, isLast } = isWhole ? identify(data, from, prefix) : TORN_LINE;
    onLine({ index, page, isLast, position: position + from, length: newline + 1 - from });
    from = newline + 1;
  }
  return isDamaged;
}

export interface RescanOptions extends Pick<ScanOptions, 'files' | 'batch' | 'signal' | 'onLine'> {
  readonly summary: PartSummary;
  readonly range: readonly [from: number, to: number];
  /** Memory for one chunk. */
  readonly buffer: Buffer;
  /** Called with the bytes of each chunk that is scanned. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Reports the records of a part again, except for chunks without records in the range.
 *
 * @returns the lowest index after the range in the skipped chunks
 */
export async function rescanPart(options: RescanOptions): Promise<number> {
  const { files, summary, signal, buffer, onLine } = options;
  const [from, to] = options.range;
  const prefix = linePrefix(options.batch);
  let next = Infinity;
  for (const { position, length, lowest, highest, isDamaged } of summary.chunks) {
    if (lowest >= to) {
      next = Math.min(next, lowest);
    }
    if (lowest >= to || highest < from || position >= summary.end) {
      continue;
    }
    signal?.throwIfAborted();
    options.onProgress?.(length);
    if (length > SCAN_BYTES) {
      await files.read(buffer, position);
      onLine({ ...identify(buffer, 0, prefix), position, length });
      continue;
    }
    const data = buffer.subarray(0, length);
    await files.read(data, position);
    const onFound = (line: FoundLine): void => {
      if (line.index >= 0 && line.position < summary.end) {
        onLine(line);
      }
    };
    findLines({ data, position, prefix, onLine: onFound, checksJson: isDamaged });
  }
  return next;
}
