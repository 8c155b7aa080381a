/** A group of records that gathered takes a megabyte, and the last one of it may be large. */
const PIECE_BYTES = 4 * 1_024 * 1_024;
/** Pieces that are kept: twice as many megabytes as may wait for a sink. */
const MAX_FREE = 16;

/**
 * Memory that two threads share. It is used again and again: new memory has to be cleared by the
 * kernel, page by page, which takes as long as writing it.
 */
export class MemoryPool {
  readonly #free: SharedArrayBuffer[] = [];

  /** The piece that was given back last, if there is one. Larger ones are of no pool. */
  take(bytes: number): ArrayBufferLike {
    return bytes > PIECE_BYTES
      ? new ArrayBuffer(bytes)
      : (this.#free.pop() ?? new SharedArrayBuffer(PIECE_BYTES));
  }

  /** To be called when neither thread uses it any more. */
  giveBack(memory: ArrayBufferLike): void {
    if (memory instanceof SharedArrayBuffer && this.#free.length < MAX_FREE) {
      this.#free.push(memory);
    }
  }
}
