/** The label of all values after the cap. */
const OTHER = 'other';

/**
 * Bounds a label: the first `cap` values keep their names for good, all later ones are `other`. A
 * series that changed its name while it counts would become two wrong series.
 */
export class OriginLabels {
  readonly #cap: number;
  readonly #named = new Set<string>();

  /** @param cap number of values that keep their names, at least 0. @default 100 */
  constructor(cap = 100) {
    if (!Number.isInteger(cap) || cap < 0) {
      throw new RangeError(`the label cap must be a whole number, at least 0, got ${cap}`);
    }
    this.#cap = cap;
  }

  labelOf(value: string): string {
    if (this.#named.has(value)) {
      return value;
    }
    if (this.#named.size >= this.#cap) {
      return OTHER;
    }
    this.#named.add(value);
    return value;
  }
}
