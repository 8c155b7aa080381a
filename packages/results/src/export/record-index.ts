/** Entries per page. Only pages with records are allocated. */
const PAGE_SIZE = 65_536;
const WORD = 2 ** 32;
/** In the upper part of a position: the record is that of the last page. */
const LAST_BIT = 0x8000;

/** Marks a line whose length needs more than 16 bits and is stored in `#longLengths`. */
const LONG_MARK = 0xffff;

/** Each entry has 8 bytes: a 47-bit position, whether it is the last page, a 16-bit length. */
interface Page {
  readonly low: Uint32Array;
  readonly high: Uint16Array;
  /** Bytes including the newline; 0 if there is no record. */
  readonly lengths: Uint16Array;
  /** Records in it. */
  count: number;
}

/**
 * Position and length of each record by its key, which is the index of its fetch, or counts pages:
 * 8 bytes each, no object per record.
 */
export class RecordIndex {
  readonly #pages = new Map<number, Page>();
  /** Lengths of long lines by key. Each is at least 64 KiB, so there are few. */
  readonly #longLengths = new Map<number, number>();
  /** Cleared pages for reuse. */
  readonly #freePages: Page[] = [];
  #size = 0;
  #highest = -1;

  /** Number of records. */
  get size(): number {
    return this.#size;
  }

  /** Records that it has memory for. */
  get capacity(): number {
    return (this.#pages.size + this.#freePages.length) * PAGE_SIZE;
  }

  /** The highest key; -1 if there is none. */
  get highest(): number {
    return this.#highest;
  }

  has(key: number): boolean {
    return (this.#pages.get(Math.floor(key / PAGE_SIZE))?.lengths[key % PAGE_SIZE] ?? 0) > 0;
  }

  position(key: number): number {
    const page = this.#pages.get(Math.floor(key / PAGE_SIZE));
    return page === undefined ? 0 : positionIn(page, key % PAGE_SIZE);
  }

  /** Bytes of the line including the newline; 0 if there is no record. */
  length(key: number): number {
    const length = this.#pages.get(Math.floor(key / PAGE_SIZE))?.lengths[key % PAGE_SIZE] ?? 0;
    return length === LONG_MARK ? (this.#longLengths.get(key) ?? 0) : length;
  }

  /** Whether it is marked as the last page of its fetch. */
  isLast(key: number): boolean {
    const page = this.#pages.get(Math.floor(key / PAGE_SIZE));
    return ((page?.high[key % PAGE_SIZE] ?? 0) & LAST_BIT) !== 0;
  }

  set(key: number, position: number, length: number, isLast = false): void {
    const page = this.#page(Math.floor(key / PAGE_SIZE));
    const at = key % PAGE_SIZE;
    const before = page.lengths[at];
    if (before === 0) {
      this.#size += 1;
      page.count += 1;
    } else if (before === LONG_MARK) {
      this.#longLengths.delete(key);
    }
    if (length >= LONG_MARK) {
      this.#longLengths.set(key, length);
    }
    page.low[at] = position;
    page.high[at] = position / WORD + (isLast ? LAST_BIT : 0);
    page.lengths[at] = Math.min(length, LONG_MARK);
    if (key > this.#highest) {
      this.#highest = key;
    }
  }

  remove(key: number): void {
    const page = this.#pages.get(Math.floor(key / PAGE_SIZE));
    const at = key % PAGE_SIZE;
    if (page === undefined || page.lengths[at] === 0) {
      return;
    }
    page.lengths[at] = 0;
    page.count -= 1;
    this.#longLengths.delete(key);
    this.#size -= 1;
  }

  /** All keys in order, from the first one that is not lower. */
  *keys(first = 0): Generator<number> {
    for (const number of this.#numbers()) {
      if ((number + 1) * PAGE_SIZE <= first) {
        continue;
      }
      const { lengths } = this.#page(number);
      for (let at = Math.max(0, first - number * PAGE_SIZE); at < PAGE_SIZE; at += 1) {
        if ((lengths[at] ?? 0) > 0) {
          yield number * PAGE_SIZE + at;
        }
      }
    }
  }

  /** All keys below this one, the highest first. */
  *keysBelow(key: number): Generator<number> {
    for (const number of this.#numbers().toReversed()) {
      const { lengths } = this.#page(number);
      for (let at = Math.min(PAGE_SIZE, key - number * PAGE_SIZE) - 1; at >= 0; at -= 1) {
        if ((lengths[at] ?? 0) > 0) {
          yield number * PAGE_SIZE + at;
        }
      }
    }
  }

  /** Records with lower keys. */
  countBelow(key: number): number {
    let count = 0;
    for (const [number, page] of this.#pages) {
      const before = key - number * PAGE_SIZE;
      if (before >= PAGE_SIZE) {
        count += page.count;
      } else if (before > 0) {
        count += page.lengths.subarray(0, before).reduce((sum, one) => sum + Math.sign(one), 0);
      }
    }
    return count;
  }

  /** Removes all records. Keeps the memory for reuse, which saves garbage collections. */
  clear(): void {
    for (const page of this.#pages.values()) {
      page.lengths.fill(0);
      page.count = 0;
      this.#freePages.push(page);
    }
    this.#pages.clear();
    this.#longLengths.clear();
    this.#size = 0;
    this.#highest = -1;
  }

  /**
   * Yields all records in the order of their keys. Refills `lines` each time with as many as fit.
   */
  *walk(lines: LineList, maxBytes: number): Generator<LineList> {
    lines.clear();
    for (const number of this.#numbers()) {
      const page = this.#page(number);
      for (let at = 0; at < PAGE_SIZE; at += 1) {
        const stored = page.lengths[at] ?? 0;
        if (stored === 0) {
          continue;
        }
        const length = stored === LONG_MARK ? this.length(number * PAGE_SIZE + at) : stored;
        if (lines.isFull || (lines.count > 0 && lines.bytes + length > maxBytes)) {
          yield lines;
          lines.clear();
        }
        lines.push(positionIn(page, at), length);
      }
    }
    if (lines.count > 0) {
      yield lines;
    }
  }

  #numbers(): number[] {
    return [...this.#pages.keys()].toSorted((one, other) => one - other);
  }

  #page(number: number): Page {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = this.#freePages.pop() ?? {
        low: new Uint32Array(PAGE_SIZE),
        high: new Uint16Array(PAGE_SIZE),
        lengths: new Uint16Array(PAGE_SIZE),
        count: 0,
      };
      this.#pages.set(number, page);
    }
    return page;
  }
}

function positionIn(page: Page, at: number): number {
  return (page.low[at] ?? 0) + ((page.high[at] ?? 0) & ~LAST_BIT) * WORD;
}

/** A bounded list of line positions and lengths. Allocates no object per line. */
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

  /** Total length of the lines. */
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
