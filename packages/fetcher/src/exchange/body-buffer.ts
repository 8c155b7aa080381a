/** Smaller chunks are copied into blocks; larger ones are kept as they are. */
const SMALL_BYTES = 4_096;
const BLOCK_BYTES = 16_384;

/**
 * Collects a body. A response of one chunk, the usual case, is never copied. Later small chunks are
 * packed into blocks: single bytes would otherwise take a hundred times their size in Buffer
 * objects, and each of these would keep its whole network buffer in memory.
 *
 *     chunks  [first chunk][full block][large chunk]…     tail  [used ······ free]
 */
export class BodyBuffer {
  readonly #chunks: Buffer[] = [];
  #tail: Buffer | undefined;
  #used = 0;

  add(chunk: Buffer): void {
    if (this.#chunks.length === 0 || chunk.length >= SMALL_BYTES) {
      this.#closeTail();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#tail === undefined || this.#used + chunk.length > BLOCK_BYTES) {
      this.#closeTail();
      this.#tail = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    }
    chunk.copy(this.#tail, this.#used);
    this.#used += chunk.length;
  }

  take(): Buffer {
    this.#closeTail();
    const [only = Buffer.alloc(0)] = this.#chunks;
    return this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : only;
  }

  #closeTail(): void {
    if (this.#tail !== undefined && this.#used > 0) {
      this.#chunks.push(this.#tail.subarray(0, this.#used));
    }
    this.#tail = undefined;
    this.#used = 0;
  }
}
