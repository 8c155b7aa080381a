import type { RecordLine } from '@fetchfleet/crawl';

/** Smaller pieces are copied into blocks; larger ones are passed on as they are. */
const SMALL_BYTES = 8 * 1024;
/** Of small pieces. */
const BLOCK_BYTES = 256 * 1024;
/** A character takes no more bytes in UTF-8. */
const MAX_CHARACTER_BYTES = 3;
/** About as many are copied or encoded at once: a millisecond of work. */
const STEP_BYTES = 1024 * 1024;

const LINE_END = Buffer.from('\n');

/**
 * The bytes of the lines, each with a line end, some of them at a time. Large bodies, which cost
 * nothing here, do not count: a group of them is written at once, because between two writes the
 * event loop does everything else.
 *
 *     lines    text body \n text ……large body…… \n text body \n
 *     chunks  [block           ][large body    ][block         ]
 */
export function* encodeLines(lines: readonly RecordLine[]): Generator<readonly Uint8Array[]> {
  const blocks = new Blocks(lines);
  for (const line of lines) {
    if (typeof line === 'string') {
      blocks.addText(line);
    } else {
      for (const piece of line) {
        if (typeof piece === 'string') {
          blocks.addText(piece);
        } else {
          blocks.addBytes(piece);
        }
      }
    }
    blocks.addBytes(LINE_END);
    if (blocks.copied >= STEP_BYTES) {
      yield blocks.take();
    }
  }
  const rest = blocks.take();
  if (rest.length > 0) {
    yield rest;
  }
}

class Blocks {
  /** Bytes that were copied or encoded since the last `take`. */
  copied = 0;
  #chunks: Uint8Array[] = [];
  #block = Buffer.alloc(0);
  /** Where that part of the block begins, and ends, which is no chunk yet. */
  #from = 0;
  #to = 0;
  readonly #blockBytes: number;

  constructor(lines: readonly RecordLine[]) {
    this.#blockBytes = Math.min(BLOCK_BYTES, sizeOf(lines));
  }

  addText(text: string): void {
    const most = text.length * MAX_CHARACTER_BYTES;
    if (most > BLOCK_BYTES) {
      const bytes = Buffer.from(text);
      this.#addLarge(bytes);
      this.copied += bytes.length;
      return;
    }
    this.#makeRoom(most);
    const written = this.#block.write(text, this.#to);
    this.#to += written;
    this.copied += written;
  }

  addBytes(bytes: Uint8Array): void {
    if (bytes.length > SMALL_BYTES) {
      this.#addLarge(bytes);
      return;
    }
    this.#makeRoom(bytes.length);
    this.#block.set(bytes, this.#to);
    this.#to += bytes.length;
    this.copied += bytes.length;
  }

  take(): readonly Uint8Array[] {
    this.#closeChunk();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.copied = 0;
    return chunks;
  }

  #addLarge(bytes: Uint8Array): void {
    this.#closeChunk();
    this.#chunks.push(bytes);
  }

  #closeChunk(): void {
    if (this.#to > this.#from) {
      this.#chunks.push(this.#block.subarray(this.#from, this.#to));
      this.#from = this.#to;
    }
  }

  #makeRoom(bytes: number): void {
    if (this.#to + bytes > this.#block.length) {
      this.#closeChunk();
      this.#block = Buffer.allocUnsafeSlow(Math.max(this.#blockBytes, bytes));
      this.#from = 0;
      this.#to = 0;
    }
  }
}

/** About what the small pieces take, and what has to be free before the last text is written. */
function sizeOf(lines: readonly RecordLine[]): number {
  let bytes = 0;
  let longest = 0;
  for (const line of lines) {
    for (const piece of typeof line === 'string' ? [line] : line) {
      if (typeof piece === 'string') {
        bytes += piece.length;
        longest = Math.max(longest, piece.length);
      } else if (piece.length <= SMALL_BYTES) {
        bytes += piece.length;
      }
    }
    bytes += LINE_END.length;
  }
  return bytes + longest * MAX_CHARACTER_BYTES;
}
