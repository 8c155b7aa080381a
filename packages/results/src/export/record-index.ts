import type { LineList } from './line-list.ts';

/** Entries of one page; pages exist only where there are records. */
const PAGE = 65_536;
const WORD = 2 ** 32;

/** Stands in `lengths` for a line that is too long for 16 bits; `#long` has its length. */
const LONG = 0xffff;

/** A position of 48 bits and a length, in 8 bytes. */
interface Page {
  readonly low: Uint32Array;
  readonly high: Uint16Array;
  /** Bytes, the newline included; 0 where there is no record. */
  readonly lengths: Uint16Array;
}

/** The place of every record of a batch, by index: 8 bytes each, without an object for any. */
export class RecordIndex {
  readonly #pages = new Map<number, Page>();
  /** By index. Each stands for 64 KiB of results at least, so that they are few. */
  readonly #long = new Map<number, number>();
  /** Memory of pages, cleared. */
  readonly #spare: Page[] = [];
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

  has(index: number): boolean {
    return (this.#pages.get(Math.floor(index / PAGE))?.lengths[index % PAGE] ?? 0) > 0;
  }

  position(index: number): number {
    const page = this.#pages.get(Math.floor(index / PAGE));
    return page === undefined ? 0 : positionIn(page, index % PAGE);
  }

  /** Bytes of the line, the newline included; 0 if there is no record. */
  length(index: number): number {
    const length = this.#pages.get(Math.floor(index / PAGE))?.lengths[index % PAGE] ?? 0;
    return length === LONG ? (this.#long.get(index) ?? 0) : length;
  }

  set(index: number, position: number, length: number): void {
    const page = this.#page(Math.floor(index / PAGE));
    const at = index % PAGE;
    const before = page.lengths[at];
    if (before === 0) this.#size += 1;
    else if (before === LONG) this.#long.delete(index);
    if (length >= LONG) this.#long.set(index, length);
    page.low[at] = position;
    page.high[at] = position / WORD;
    page.lengths[at] = Math.min(length, LONG);
    if (index > this.#highest) this.#highest = index;
  }

  /** Forgets everything and keeps the memory, which would otherwise wait for the garbage collector. */
  clear(): void {
    for (const page of this.#pages.values()) {
      page.lengths.fill(0);
      this.#spare.push(page);
    }
    this.#pages.clear();
    this.#long.clear();
    this.#size = 0;
    this.#highest = -1;
  }

  /** Refills `lines` with the next records in index order, again and again, each time as many as fit. */
  *walk(lines: LineList, maxBytes: number): Generator<LineList> {
    lines.clear();
    for (const number of [...this.#pages.keys()].toSorted((one, other) => one - other)) {
      const page = this.#page(number);
      for (let at = 0; at < PAGE; at += 1) {
        const short = page.lengths[at] ?? 0;
        if (short === 0) continue;
        const length = short === LONG ? this.length(number * PAGE + at) : short;
        if (lines.isFull || (lines.count > 0 && lines.bytes + length > maxBytes)) {
          yield lines;
          lines.clear();
        }
        lines.push(positionIn(page, at), length);
      }
    }
    if (lines.count > 0) yield lines;
  }

  #page(number: number): Page {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = this.#spare.pop() ?? {
        low: new Uint32Array(PAGE),
        high: new Uint16Array(PAGE),
        lengths: new Uint16Array(PAGE),
      };
      this.#pages.set(number, page);
    }
    return page;
  }
}

function positionIn(page: Page, at: number): number {
  return (page.low[at] ?? 0) + (page.high[at] ?? 0) * WORD;
}
