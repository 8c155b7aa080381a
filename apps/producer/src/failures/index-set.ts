/** Some fetches of a batch, in one bit for each fetch of the batch. */
export class IndexSet implements Iterable<number> {
  readonly #bits: Uint8Array;
  #size = 0;

  /** @param total fetches of the batch */
  constructor(total: number) {
    this.#bits = new Uint8Array(Math.ceil(total / 8));
  }

  get size(): number {
    return this.#size;
  }

  add(index: number): void {
    const byte = this.#bits[Math.floor(index / 8)] ?? 0;
    const bit = 1 << (index % 8);
    if ((byte & bit) === 0) {
      this.#bits[Math.floor(index / 8)] = byte | bit;
      this.#size += 1;
    }
  }

  *[Symbol.iterator](): Generator<number> {
    for (const [at, byte] of this.#bits.entries()) {
      for (let bit = 0; byte >> bit !== 0; bit += 1) {
        if (((byte >> bit) & 1) === 1) {
          yield at * 8 + bit;
        }
      }
    }
  }
}
