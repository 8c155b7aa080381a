import { setImmediate } from 'node:timers/promises';
import { BLOCK_BYTES, type PartFiles } from './part-files.ts';
import { LineList, type RecordIndex } from './record-index.ts';

/** Memory of a window. A single longer line gets memory of its own. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const WINDOW_LINES = 32_768;

/** A line of at least this length is read separately, directly into the window. */
const LONG_LINE_BYTES = 64 * 1024;

/** If lines are further apart on average, reading each one costs less than reading the gaps. */
const SPARSE_BYTES = 16 * 1024;

/** Concurrent reads. */
const PARALLEL_READS = 4;

/** Synchronous reads block the event loop. The reader yields to it at this interval. */
const YIELD_INTERVAL_MS = 10;

/** Consecutive records in index order. Each line ends with its newline. */
export interface Window {
  readonly data: Buffer;
  /** Position in `data` after the newline of each line. */
  readonly ends: Uint32Array;
  /** Returns the memory of `data` for a later window. Do not call it if `data` is kept. */
  release(): void;
}

/**
 * Reads the lines of an index in index order, window by window. Within a window it reads in disk
 * order: each block once, and copies its lines to their positions in the window. Only blocks are
 * sorted, because the order of lines within a block does not matter.
 *
 *     heads   block 7 → line 2      the lines of a block are a list linked through `next`
 *     next    line 2 → line 0 → −1
 */
export class WindowReader {
  readonly #files: PartFiles;
  readonly #signal: AbortSignal | undefined;
  readonly #heads = new Map<number, number>();
  readonly #next = new Int32Array(WINDOW_LINES);
  readonly #scratch = Array.from({ length: PARALLEL_READS }, () =>
    Buffer.allocUnsafe(BLOCK_BYTES + LONG_LINE_BYTES),
  );
  /** Memory for reuse. Each new buffer of this size would trigger a garbage collection. */
  readonly #free: Buffer[] = [];
  #lines = new LineList(0);
  #ends = new Uint32Array(0);
  #data: Buffer = Buffer.alloc(0);
  #yieldedAtMs = 0;

  constructor(files: PartFiles, signal: AbortSignal | undefined) {
    this.#files = files;
    this.#signal = signal;
  }

  /** Reads the next window while the caller uses the last one. */
  windows(index: RecordIndex): AsyncGenerator<Window, void> {
    return prefetch(this.#readAll(index));
  }

  async *#readAll(index: RecordIndex): AsyncGenerator<Window, void> {
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
        for (const [, head] of blocks) {
          await this.#readBlock(head, scratch);
        }
      }),
    );
    for (const line of long) {
      await this.#files.read(this.#targetOf(line), lines.position(line));
    }
    return { data: this.#data, ends: this.#ends, release: () => this.#free.push(memory) };
  }

  /** Links the lines by block. @returns the long lines */
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
    if (end - start > count * SPARSE_BYTES) {
      return this.#readEach(head);
    }
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
      this.#files.readSync(this.#targetOf(line), this.#lines.position(line));
    }
    if (performance.now() - this.#yieldedAtMs < YIELD_INTERVAL_MS) {
      return;
    }
    await setImmediate();
    this.#yieldedAtMs = performance.now();
  }

  #targetOf(line: number): Buffer {
    const end = this.#ends[line] ?? 0;
    return this.#data.subarray(end - this.#lines.length(line), end);
  }
}

/** Requests the next value of a generator while the last one is in use. */
async function* prefetch<T>(source: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  let next = source.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) {
        return;
      }
      next = source.next();
      // The loop reports a failure later. Without a handler until then it would end the process.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await Promise.allSettled([next]);
    await source.return();
  }
}
