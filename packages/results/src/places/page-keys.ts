/** One record of a batch: a fetch, or a page of it. */
export interface RecordPlace {
  readonly index: number;
  /** From 1; 0 in a batch without pages. */
  readonly page: number;
}

/** The least room for the pages of a fetch, where there are pages. */
const LEAST_PAGES = 16;

/**
 * Numbers for places, in their order:
 *
 *     key = index × pages + page − 1      pages: a power of two, 1 in a batch without pages
 */
export class PageKeys {
  /** Most pages of a fetch that have a key. */
  readonly pages: number;

  constructor(pages = 1) {
    this.pages = pages;
  }

  keyOf({ index, page }: RecordPlace): number {
    return index * this.pages + Math.min(Math.max(page, 1), this.pages) - 1;
  }

  placeOf(key: number): RecordPlace {
    const { pages } = this;
    return { index: Math.floor(key / pages), page: pages === 1 ? 0 : (key % pages) + 1 };
  }

  /** Others, with room for twice as many pages as are known. */
  widened(page: number): PageKeys {
    const wanted = Math.max(LEAST_PAGES, page * 2);
    return new PageKeys(2 ** Math.ceil(Math.log2(wanted)));
  }
}
