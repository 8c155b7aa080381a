import type { ValueCursor } from './value-cursor.ts';

/** Combines the values of all parameters, one combination at a time. */
export interface ValueWalk {
  /** The first combination; undefined if there is none. */
  first(): Promise<readonly string[] | undefined>;
  /** The next one, if all of it is in memory. Without waiting: this is called for every fetch. */
  next(): readonly string[] | undefined;
  /** The next one where `next()` gave undefined, reading if need be; undefined at the end. */
  read(): Promise<readonly string[] | undefined>;
}

/** Nested loops: the first cursor is the outermost one. Without any cursor there is one combination. */
export class ProductWalk implements ValueWalk {
  readonly #cursors: readonly ValueCursor[];

  constructor(cursors: readonly ValueCursor[]) {
    this.#cursors = cursors;
  }

  async first(): Promise<readonly string[] | undefined> {
    return this.#readFrom(0);
  }

  next(): readonly string[] | undefined {
    const cursors = this.#cursors;
    let moved = cursors.length - 1;
    while (cursors[moved]?.next() === false) {
      if (cursors[moved]?.isStreamed === true) {
        return undefined;
      }
      moved--;
    }
    if (moved < 0) {
      return undefined;
    }
    // Everything further in is in memory and at its end.
    for (let inner = moved + 1; inner < cursors.length; inner++) {
      cursors[inner]?.rewind();
      cursors[inner]?.next();
    }
    return valuesOf(cursors);
  }

  async read(): Promise<readonly string[] | undefined> {
    const cursors = this.#cursors;
    for (let moved = cursors.length - 1; moved >= 0; moved--) {
      if ((await cursors[moved]?.read()) === true) {
        return this.#readFrom(moved + 1);
      }
      cursors[moved]?.rewind();
    }
    return undefined;
  }

  async #readFrom(start: number): Promise<readonly string[] | undefined> {
    for (const cursor of this.#cursors.slice(start)) {
      if (!(await cursor.read())) {
        return undefined;
      }
    }
    return valuesOf(this.#cursors);
  }
}

/** One value of each. Lists of unequal length are an error, not a shorter batch. */
export class ZipWalk implements ValueWalk {
  readonly #cursors: readonly ValueCursor[];
  readonly #unequal: () => Error;
  /** How many cursors stand on the next combination already. */
  #moved = 0;

  constructor(cursors: readonly ValueCursor[], unequal: () => Error) {
    this.#cursors = cursors;
    this.#unequal = unequal;
  }

  async first(): Promise<readonly string[] | undefined> {
    return this.read();
  }

  next(): readonly string[] | undefined {
    while (this.#moved < this.#cursors.length) {
      if (this.#cursors[this.#moved]?.next() !== true) {
        return undefined;
      }
      this.#moved++;
    }
    this.#moved = 0;
    return valuesOf(this.#cursors);
  }

  async read(): Promise<readonly string[] | undefined> {
    while (this.#moved < this.#cursors.length) {
      if ((await this.#cursors[this.#moved]?.read()) !== true) {
        return this.#end();
      }
      this.#moved++;
    }
    this.#moved = 0;
    return valuesOf(this.#cursors);
  }

  async #end(): Promise<undefined> {
    if (this.#moved > 0) {
      throw this.#unequal();
    }
    for (const cursor of this.#cursors) {
      if (await cursor.read()) {
        throw this.#unequal();
      }
    }
  }
}

function valuesOf(cursors: readonly ValueCursor[]): string[] {
  return cursors.map((cursor) => cursor.value);
}
