import type { FoundLine } from './scan-part.ts';

/**
 * Gives the pages of a range of fetches consecutive keys, in the order of an export. Takes 12 bytes
 * for each fetch.
 *
 *     highest page   fetch 7 → 3       fetch 8 → none   fetch 9 → 2
 *     keys           0 1 2                              3 4
 */
export class PageLayout {
  readonly #from: number;
  readonly #highest: Uint32Array;
  /** The first key of each fetch, and one beyond the last. */
  readonly #starts: Float64Array;

  /** @param range the first fetch, and the one after the last */
  constructor([from, to]: readonly [number, number]) {
    this.#from = from;
    this.#highest = new Uint32Array(to - from);
    this.#starts = new Float64Array(to - from + 1);
  }

  /** To be called for all records, before any key is asked for. */
  add({ index, page }: Pick<FoundLine, 'index' | 'page'>): void {
    const at = index - this.#from;
    this.#highest[at] = Math.max(this.#highest[at] ?? 0, page, 1);
  }

  /** To be called once, when all records were added. @returns the number of keys */
  finish(): number {
    let start = 0;
    for (let at = 0; at < this.#highest.length; at += 1) {
      this.#starts[at] = start;
      start += this.#highest[at] ?? 0;
    }
    this.#starts[this.#highest.length] = start;
    return start;
  }

  /** A record without a page is in the place of the first one. */
  keyOf({ index, page }: Pick<FoundLine, 'index' | 'page'>): number {
    return (this.#starts[index - this.#from] ?? 0) + Math.max(page, 1) - 1;
  }

  /** Fetch and page of a key. */
  pageAt(key: number): { readonly index: number; readonly page: number } {
    let low = 0;
    let high = this.#highest.length;
    // Fetches without a record start where the next one does: the last of those is the one.
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? Infinity) <= key) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return { index: this.#from + low, page: key - (this.#starts[low] ?? 0) + 1 };
  }
}
