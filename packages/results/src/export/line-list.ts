/** A bounded list of lines without an object for any: where each lies, and how long it is. */
export class LineList {
  readonly #positions: Float64Array;
  readonly #lengths: Uint32Array;
  #count = 0;
  #bytes = 0;

  constructor(capacity: number) {
    this.#positions = new Float64Array(capacity);
    this.#lengths = new Uint32Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** Of all lines together. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#count === this.#positions.length;
  }

  position(at: number): number {
    return this.#positions[at] ?? 0;
  }

  length(at: number): number {
    return this.#lengths[at] ?? 0;
  }

  push(position: number, length: number): void {
    this.#positions[this.#count] = position;
    this.#lengths[this.#count] = length;
    this.#count += 1;
    this.#bytes += length;
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
  }
}
