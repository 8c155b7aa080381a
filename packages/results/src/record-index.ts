/** Entries of one page; pages exist only where there are records. */
const PAGE = 65_536;

interface Page {
  /** Number of the part plus one; 0 where there is no record. */
  readonly parts: Uint32Array;
  readonly offsets: Float64Array;
  /** Bytes, the newline included. */
  readonly lengths: Uint32Array;
}

/** Where a line lies. */
export interface Place {
  readonly part: number;
  readonly offset: number;
  /** Bytes, the newline included. */
  readonly length: number;
}

/** The place of every record of a batch, by index: 16 bytes each, without an object for any. */
export class RecordIndex {
  readonly #pages = new Map<number, Page>();
  #size = 0;
  #highest = -1;

  /** Records known. */
  get size(): number {
    return this.#size;
  }

  /** The highest index; -1 if there is none. */
  get highest(): number {
    return this.#highest;
  }

  get(index: number): Place | undefined {
    const page = this.#pages.get(Math.floor(index / PAGE));
    const at = index % PAGE;
    const part = page?.parts[at] ?? 0;
    if (page === undefined || part === 0) return undefined;
    return { part: part - 1, offset: page.offsets[at] ?? 0, length: page.lengths[at] ?? 0 };
  }

  has(index: number): boolean {
    return (this.#pages.get(Math.floor(index / PAGE))?.parts[index % PAGE] ?? 0) > 0;
  }

  set(index: number, part: number, offset: number, length: number): void {
    const page = this.#page(Math.floor(index / PAGE));
    const at = index % PAGE;
    if (page.parts[at] === 0) this.#size += 1;
    page.parts[at] = part + 1;
    page.offsets[at] = offset;
    page.lengths[at] = length;
    if (index > this.#highest) this.#highest = index;
  }

  /** Places in index order. */
  *places(): Generator<Place> {
    for (const number of [...this.#pages.keys()].toSorted((one, other) => one - other)) {
      for (let index = number * PAGE; index < (number + 1) * PAGE; index += 1) {
        const place = this.get(index);
        if (place !== undefined) yield place;
      }
    }
  }

  #page(number: number): Page {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = {
        parts: new Uint32Array(PAGE),
        offsets: new Float64Array(PAGE),
        lengths: new Uint32Array(PAGE),
      };
      this.#pages.set(number, page);
    }
    return page;
  }
}
