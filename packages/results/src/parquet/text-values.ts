const FIRST_BYTES = 64 * 1_024;
/** Memory for more is given back when a row group is written. */
const KEPT_BYTES = 64 * 1_024 * 1_024;
const NULL = -1;

/**
 * The texts of a column in UTF-8, one behind the other in memory that is used for each row group
 * again. A text that follows itself is there once.
 */
export class TextValues {
  #memory = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;
  /** Where the text of each row begins and ends. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** Where the last text begins. */
  #last = 0;

  addNull(): void {
    this.#starts.push(NULL);
    this.#ends.push(NULL);
  }

  /** @returns its bytes */
  addText(text: string): number {
    this.#reserve(Buffer.byteLength(text));
    return this.#added(this.#memory.write(text, this.#used));
  }

  /** @returns its bytes */
  addBytes(data: Buffer, from: number, to: number): number {
    if (this.#isLast(data, from, to)) {
      this.#starts.push(this.#last);
      this.#ends.push(this.#used);
      return to - from;
    }
    this.#reserve(to - from);
    data.copy(this.#memory, this.#used, from, to);
    return this.#added(to - from);
  }

  /** Leaves the first rows. */
  truncate(rows: number): void {
    this.#starts.length = rows;
    this.#ends.length = rows;
    if (rows > 0) {
      return;
    }
    [this.#used, this.#last] = [0, 0];
    if (this.#memory.length > KEPT_BYTES) {
      this.#memory = Buffer.allocUnsafeSlow(FIRST_BYTES);
    }
  }

  /** The texts of all rows. They are there until the next one is added. */
  views(): (Uint8Array | undefined)[] {
    const { buffer } = this.#memory;
    let last: Uint8Array | undefined;
    return this.#starts.map((start, row) => {
      const length = (this.#ends[row] ?? start) - start;
      if (start !== NULL && (last?.byteOffset !== start || last.length !== length)) {
        last = new Uint8Array(buffer, start, length);
      }
      return start === NULL ? undefined : last;
    });
  }

  #isLast(data: Buffer, from: number, to: number): boolean {
    const start = this.#last;
    if (to - from !== this.#used - start) {
      return false;
    }
    // The last byte first: texts that follow each other often differ in their last digit.
    for (let at = to - from - 1; at >= 0; at -= 1) {
      if (data[from + at] !== this.#memory[start + at]) {
        return false;
      }
    }
    return true;
  }

  #added(bytes: number): number {
    this.#last = this.#used;
    this.#used += bytes;
    this.#starts.push(this.#last);
    this.#ends.push(this.#used);
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#memory.length) {
      return;
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#memory.length, this.#used + bytes));
    this.#memory.copy(larger, 0, 0, this.#used);
    this.#memory = larger;
  }
}
