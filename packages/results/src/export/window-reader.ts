import { setImmediate } from 'node:timers/promises';
import { LineList } from './line-list.ts';
import { BLOCK_BYTES, type PartFiles } from '../folder/part-files.ts';
import type { RecordIndex } from './record-index.ts';

/** Memory of a window, unless a single line is longer. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const WINDOW_LINES = 32_768;

/** A line of this length is read by itself, into its place. */
const LONG_LINE_BYTES = 64 * 1024;

/** Where lines are further apart than this, reading each costs less than reading what lies between them. */
const SPARSE_BYTES = 16 * 1024;

/** Reads under way at once. */
const LANES = 4;

/** Lines read one by one block the process; it looks up this often, in milliseconds. */
const BREATH_MS = 10;

/** Consecutive records in index order, each line ended by its newline. */
export interface Window {
  readonly data: Buffer;
  /** Where each line ends in `data`, behind its newline. */
  readonly ends: Uint32Array;
  /** Gives the memory of `data` back, for a later window. Whoever keeps `data` does not call it. */
  release(): void;
}

/**
 * Reads the lines of an index in its order, window by window, each window in the order of the disk.
 *
 * Gathers the lines of a window block by block: a block is read once and its lines are copied to their
 * places. Within a block their order does not matter, so that nothing is sorted but the blocks.
 *
 *     heads   block 7 → line 2      lines of a block are a list linked through `next`
 *     next    line 2 → line 0 → −1
 */
export class WindowReader {
  readonly #files: PartFiles;
  readonly #signal: AbortSignal | undefined;
  readonly #heads = new Map<number, number>();
  readonly #next = new Int32Array(WINDOW_LINES);
  readonly #scratch = Array.from({ length: LANES }, () =>
    Buffer.allocUnsafe(BLOCK_BYTES + LONG_LINE_BYTES),
  );
  /** Memory to use again: each new buffer of this size makes the garbage collector run. */
  readonly #free: Buffer[] = [];
  #lines = new LineList(0);
  #ends = new Uint32Array(0);
  #data: Buffer = Buffer.alloc(0);
  #breathedAt = 0;

  constructor(files: PartFiles, signal: AbortSignal | undefined) {
    this.#files = files;
    this.#signal = signal;
  }

  async *windows(index: RecordIndex): AsyncGenerator<Window> {
    for (const lines of index.walk(new LineList(WINDOW_LINES), WINDOW_BYTES)) {
      yield await this.#read(lines);
    }
  }

  async #read(lines: LineList): Promise<Window> {
    this.#lines = lines;
    this.#ends = new Uint32Array(lines.count);
    const memory = this.#free.pop() ?? Buffer.allocUnsafe(WINDOW_BYTES);
    const isLarge = lines.bytes > memory.length;
    this.#data = isLarge ? Buffer.allocUnsafe(lines.bytes) : memory.subarray(0, lines.bytes);
    const long = this.#group();
    const blocks = [...this.#heads].toSorted(([one], [other]) => one - other).values();
    await Promise.all(
      this.#scratch.map(async (scratch) => {
        for (const [, head] of blocks) await this.#readBlock(head, scratch);
      }),
    );
    for (const line of long) await this.#files.read(this.#placeOf(line), lines.position(line));
    return { data: this.#data, ends: this.#ends, release: () => this.#free.push(memory) };
  }

  /** Links the lines by block, and returns those that are long. */
  #group(): number[] {
    const lines = this.#lines;
    const long: number[] = [];
    this.#heads.clear();
    let end = 0;
    for (let line = 0; line < lines.count; line += 1) {
      end += lines.length(line);
      this.#ends[line] = end;
      if (lines.length(line) >= LONG_LINE_BYTES) {
        long.push(line);
        continue;
      }
      const block = Math.floor(lines.position(line) / BLOCK_BYTES);
      this.#next[line] = this.#heads.get(block) ?? -1;
      this.#heads.set(block, line);
    }
    return long;
  }

  async #readBlock(head: number, scratch: Buffer): Promise<void> {
    this.#signal?.throwIfAborted();
    const lines = this.#lines;
    let start = Infinity;
    let end = 0;
    let count = 0;
    for (let line = head; line >= 0; line = this.#next[line] ?? -1) {
      start = Math.min(start, lines.position(line));
      end = Math.max(end, lines.position(line) + lines.length(line));
      count += 1;
    }
    if (end - start > count * SPARSE_BYTES) return this.#readEach(head);
    await this.#files.read(scratch.subarray(0, end - start), start);
    for (let line = head; line >= 0; line = this.#next[line] ?? -1) {
      const from = lines.position(line) - start;
      const length = lines.length(line);
      scratch.copy(this.#data, (this.#ends[line] ?? 0) - length, from, from + length);
    }
    return undefined;
  }

  async #readEach(head: number): Promise<void> {
    for (let line = head; line >= 0; line = this.#next[line] ?? -1) {
      this.#files.readSync(this.#placeOf(line), this.#lines.position(line));
    }
    if (performance.now() - this.#breathedAt < BREATH_MS) return;
    await setImmediate();
    this.#breathedAt = performance.now();
  }

  #placeOf(line: number): Buffer {
    const end = this.#ends[line] ?? 0;
    return this.#data.subarray(end - this.#lines.length(line), end);
  }
}
