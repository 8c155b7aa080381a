import type { Row } from './list-row.ts';
import type { ValueIterator } from './value-iterator.ts';

/** Iterates over the combinations of the values of all parameters. */
export interface Combinations {
  /** The first combination; undefined if there is none. */
  first(): Promise<readonly string[] | undefined>;
  /** The next one if all of it is in memory. Synchronous, because it is called for every fetch. */
  next(): readonly string[] | undefined;
  /** The next one after `next()` returned undefined, read from files; undefined at the end. */
  read(): Promise<readonly string[] | undefined>;
}

/**
 * Nested loops: the first iterator is the outermost. Without iterators there is one combination.
 */
export class ProductCombinations implements Combinations {
  readonly #iterators: readonly ValueIterator[];

  constructor(iterators: readonly ValueIterator[]) {
    this.#iterators = iterators;
  }

  async first(): Promise<readonly string[] | undefined> {
    return this.#readFrom(0);
  }

  next(): readonly string[] | undefined {
    const iterators = this.#iterators;
    let moved = iterators.length - 1;
    while (iterators[moved]?.next() === false) {
      if (iterators[moved]?.isStreamed === true) {
        return undefined;
      }
      moved--;
    }
    if (moved < 0) {
      return undefined;
    }
    // All inner iterators are in memory and at their end.
    for (let inner = moved + 1; inner < iterators.length; inner++) {
      iterators[inner]?.rewind();
      iterators[inner]?.next();
    }
    return valuesOf(iterators);
  }

  async read(): Promise<readonly string[] | undefined> {
    const iterators = this.#iterators;
    for (let moved = iterators.length - 1; moved >= 0; moved--) {
      if ((await iterators[moved]?.read()) === true) {
        return this.#readFrom(moved + 1);
      }
      iterators[moved]?.rewind();
    }
    return undefined;
  }

  async #readFrom(start: number): Promise<readonly string[] | undefined> {
    for (const iterator of this.#iterators.slice(start)) {
      if (!(await iterator.read())) {
        return undefined;
      }
    }
    return valuesOf(this.#iterators);
  }
}

/** Takes one value of each iterator. Lists of unequal length are an error, not a shorter batch. */
export class ZipCombinations implements Combinations {
  readonly #iterators: readonly ValueIterator[];
  readonly #unequal: () => Error;
  /** How many iterators are already at the next combination. */
  #moved = 0;

  constructor(iterators: readonly ValueIterator[], unequal: () => Error) {
    this.#iterators = iterators;
    this.#unequal = unequal;
  }

  async first(): Promise<readonly string[] | undefined> {
    return this.read();
  }

  next(): readonly string[] | undefined {
    while (this.#moved < this.#iterators.length) {
      if (this.#iterators[this.#moved]?.next() !== true) {
        return undefined;
      }
      this.#moved++;
    }
    this.#moved = 0;
    return valuesOf(this.#iterators);
  }

  async read(): Promise<readonly string[] | undefined> {
    while (this.#moved < this.#iterators.length) {
      if ((await this.#iterators[this.#moved]?.read()) !== true) {
        return this.#end();
      }
      this.#moved++;
    }
    this.#moved = 0;
    return valuesOf(this.#iterators);
  }

  async #end(): Promise<undefined> {
    if (this.#moved > 0) {
      throw this.#unequal();
    }
    for (const iterator of this.#iterators) {
      if (await iterator.read()) {
        throw this.#unequal();
      }
    }
  }
}

function valuesOf(iterators: readonly ValueIterator[]): string[] {
  const values = iterators.map(({ value }) => value);
  return values.every(isText) ? values : values.flat();
}

function isText(value: string | Row): value is string {
  return typeof value === 'string';
}
