/**
 * Follows the pages of fetches, which come in the order of an export. A fetch that was fetched anew
 * from its first page may have had more pages before: those behind a last page are stale.
 */
export class PageChains {
  readonly #onComplete: (index: number) => void;
  #index = -1;
  /** The page that comes next if none is missing; 0 after a hole. */
  #expected = 1;
  #isOver = false;

  /** @param onComplete called with each fetch that has all pages from the first to a last one */
  constructor(onComplete: (index: number) => void) {
    this.#onComplete = onComplete;
  }

  /** @returns whether the page belongs to the fetch; if not, it is stale */
  follow(index: number, page: number, isLast: boolean): boolean {
    if (index !== this.#index) {
      this.#index = index;
      this.#expected = 1;
      this.#isOver = false;
    }
    if (this.#isOver) {
      return false;
    }
    const isExpected = page === this.#expected;
    this.#expected = isExpected ? page + 1 : 0;
    if (isLast) {
      this.#isOver = true;
      if (isExpected) {
        this.#onComplete(index);
      }
    }
    return true;
  }
}
