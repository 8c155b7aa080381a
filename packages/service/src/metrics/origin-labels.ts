/** The label of whatever came after the cap was reached. */
const OTHER = 'other';

/**
 * Keeps a label bounded: the first `cap` values keep their names, all later ones are `other`. First come, first named, and for
 * good: a series that changed its name while it counts would be two wrong series.
 */
export class OriginLabels {
  readonly #cap: number;
  readonly #named = new Set<string>();

  /** @param cap how many values keep their names. At least 0 @default 100 */
  constructor(cap = 100) {
    if (!Number.isInteger(cap) || cap < 0) {
      throw new RangeError(`the label cap must be a whole number, at least 0, got ${cap}`);
    }
    this.#cap = cap;
  }

  labelOf(value: string): string {
    if (this.#named.has(value)) return value;
    if (this.#named.size >= this.#cap) return OTHER;
    this.#named.add(value);
    return value;
  }
}
