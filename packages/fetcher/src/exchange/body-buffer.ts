/** Smaller chunks are copied into blocks; larger ones are kept as they are. */
const SMALL_BYTES = 4_096;
const BLOCK_BYTES = 16_384;
/** What an origin announces is believed up to here: it may announce more than it sends. */
const MAX_ANNOUNCED_BYTES = 4 * 1_024 * 1_024;

/**
 * Collects a body. A response of one chunk is never copied. Of several chunks, those of an
 * announced length are copied to their place in the whole body while they are in the cache of the
 * processor; a transport may read them there itself. Others are kept until the end; small ones are
 * packed into blocks: single bytes would otherwise take a hundred times their size in Buffer
 * objects, and each of these would keep its whole network buffer in memory.
 *
 *     announced   [first chunk · chunk · chunk · ·········· free]
 *     otherwise   [first chunk][full block][large chunk]…     tail  [used ······ free]
 */
export class BodyBuffer {
  readonly #chunks: Buffer[] = [];
  #announced = 0;
  /** Where a body of an announced length is collected, from its second chunk or its space on. */
  #whole: Buffer | undefined;
  /** Bytes in the whole body. */
  #length = 0;
  #tail: Buffer | undefined;
  #used = 0;

  /** Tells how long the body will be, before its first chunk. It may be longer all the same. */
  announce(bytes: number): void {
    this.#announced = bytes;
  }

  /**
   * The memory in which the next bytes of a body of an announced length may be written. `add` takes
   * what was written there without a copy. Undefined if they have no place there.
   */
  space(): Buffer | undefined {
    if (this.#whole === undefined && this.#chunks.length === 0 && this.#tail === undefined) {
      this.#begin();
    }
    const whole = this.#whole;
    return whole === undefined || this.#length === whole.length
      ? undefined
      : whole.subarray(this.#length);
  }

  add(chunk: Buffer): void {
    if (this.#whole !== undefined || this.#beginsWhole(chunk)) {
      this.#addToWhole(chunk);
    } else if (this.#chunks.length === 0 || chunk.length >= SMALL_BYTES) {
      this.#closeTail();
      this.#chunks.push(chunk);
    } else {
      this.#addSmall(chunk);
    }
  }

  take(): Buffer {
    if (this.#whole !== undefined) {
      return this.#whole.subarray(0, this.#length);
    }
    this.#closeTail();
    const [only = Buffer.alloc(0)] = this.#chunks;
    return this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : only;
  }

  /** At the second chunk of a body of an announced length. */
  #beginsWhole(chunk: Buffer): boolean {
    const [first, ...more] = this.#chunks;
    const bytes = this.#announced;
    const isExpected =
      first !== undefined && more.length === 0 && first.length + chunk.length <= bytes;
    if (!isExpected || this.#tail !== undefined || !this.#begin()) {
      return false;
    }
    this.#chunks.length = 0;
    this.#addToWhole(first);
    return true;
  }

  /** @returns whether the whole body has a place, which only an announced one has */
  #begin(): boolean {
    const bytes = this.#announced;
    if (bytes > 0 && bytes <= MAX_ANNOUNCED_BYTES) {
      this.#whole = Buffer.allocUnsafe(bytes);
    }
    return this.#whole !== undefined;
  }

  #addToWhole(chunk: Buffer): void {
    const whole = this.#whole;
    if (whole !== undefined && this.#length + chunk.length <= whole.length) {
      if (chunk.buffer !== whole.buffer || chunk.byteOffset !== whole.byteOffset + this.#length) {
        whole.set(chunk, this.#length);
      }
      this.#length += chunk.length;
      return;
    }
    // It is longer than announced.
    if (this.#length > 0) {
      this.#chunks.push(this.take());
    }
    this.#whole = undefined;
    this.#announced = 0;
    this.add(chunk);
  }

  #addSmall(chunk: Buffer): void {
    if (this.#tail === undefined || this.#used + chunk.length > BLOCK_BYTES) {
      this.#closeTail();
      this.#tail = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    }
    chunk.copy(this.#tail, this.#used);
    this.#used += chunk.length;
  }

  #closeTail(): void {
    if (this.#tail !== undefined && this.#used > 0) {
      this.#chunks.push(this.#tail.subarray(0, this.#used));
    }
    this.#tail = undefined;
    this.#used = 0;
  }
}
