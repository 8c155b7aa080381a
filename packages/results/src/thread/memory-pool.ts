/** A group of records that gathered takes a megabyte, and the last one of it may be large. */
const PIECE_BYTES = 4 * 1_024 * 1_024;
/** Pieces that are kept. */
const MAX_FREE = 8;

/**
 * Memory that goes to another thread and comes back. It is used again and again: new memory has to
 * be cleared by the kernel, page by page, which takes as long as writing it. Memory that both
 * threads share would need no way back, but the garbage collector does not know its size.
 */
export class MemoryPool {
  readonly #free: ArrayBuffer[] = [];

  /** The piece that was given back last, if there is one. Larger ones are of no pool. */
  take(bytes: number): ArrayBuffer {
    return bytes > PIECE_BYTES
      ? new ArrayBuffer(bytes)
      : (this.#free.pop() ?? new ArrayBuffer(PIECE_BYTES));
  }

  giveBack(memory: ArrayBuffer): void {
    if (memory.byteLength === PIECE_BYTES && this.#free.length < MAX_FREE) {
      this.#free.push(memory);
    }
  }
}
