import { readListFile } from './list-file.ts';
import type { ReadOptions, Row } from './list-row.ts';
import type { ParameterSource } from '../model/plan.ts';
import { columnsOf, type ListFile } from '../model/parameter-source.ts';
import { sourceLength } from './source-length.ts';

/** A file with more rows is not kept in memory but read again for every outer value. */
const MAX_CACHED_ROWS = 10_000;
/** The same for the characters of all its values. */
const MAX_CACHED_LENGTH = 2 ** 23;

/** Iterates over the values of a source. It has no value before the first `next()`. */
export interface ValueIterator {
  /** A text if the source has one parameter, else the values of all. */
  readonly value: string | Row;
  /** Whether the values come from a file: `next()` is false too where more must be read first. */
  readonly isStreamed: boolean;
  /** Moves to the next value if it is in memory. */
  next(): boolean;
  /** Moves to the next value, and reads more if necessary; false at the end. */
  read(): Promise<boolean>;
  /** Starts again from the first value; call it only at the end. */
  rewind(): void;
  stop(): Promise<void>;
}

export async function openValues(
  source: ParameterSource,
  options: ReadOptions,
): Promise<ValueIterator> {
  if (source.kind === 'list') {
    return listIterator(source.values);
  }
  if (source.kind === 'countries') {
    // The names take time to load, and few crawls need them.
    const { countries } = await import('./countries.ts');
    return listIterator(countries(source.form));
  }
  if (source.kind === 'range') {
    return new MemoryIterator(sourceLength(source) ?? 0, rangeValue(source));
  }
  if (source.kind === 'batch') {
    throw new Error('the values of a batch are read from a copy, see LocalCrawl');
  }
  const cached = await readShort(source, options);
  return cached === undefined ? new FileIterator(source, options) : listIterator(cached);
}

async function readShort(
  file: ListFile,
  options: ReadOptions,
): Promise<(string | Row)[] | undefined> {
  const rows: Row[] = [];
  let length = 0;
  for await (const chunk of readListFile(file, options)) {
    for (const row of chunk) {
      rows.push(row);
      for (const value of row) {
        length += value.length;
      }
      if (rows.length > MAX_CACHED_ROWS || length > MAX_CACHED_LENGTH) {
        return undefined;
      }
    }
  }
  return isSingle(file) ? rows.flat() : rows;
}

function isSingle(file: ListFile): boolean {
  return columnsOf(file).length === 1;
}

function listIterator(values: readonly (string | Row)[]): MemoryIterator {
  return new MemoryIterator(values.length, (at) => values[at] ?? '');
}

type Range = Extract<ParameterSource, { kind: 'range' }>;

function rangeValue({ from, step = 1, pad = 0 }: Range): (at: number) => string {
  if (pad === 0) {
    return (at) => String(from + at * step);
  }
  return (at) => {
    const value = from + at * step;
    const sign = value < 0 ? '-' : '';
    return sign + String(Math.abs(value)).padStart(pad - sign.length, '0');
  };
}

class MemoryIterator implements ValueIterator {
  readonly isStreamed = false;
  value: string | Row = '';
  readonly #length: number;
  readonly #valueAt: (at: number) => string | Row;
  #next = 0;

  constructor(length: number, valueAt: (at: number) => string | Row) {
    this.#length = length;
    this.#valueAt = valueAt;
  }

  next(): boolean {
    if (this.#next >= this.#length) {
      return false;
    }
    this.value = this.#valueAt(this.#next++);
    return true;
  }

  async read(): Promise<boolean> {
    return this.next();
  }

  rewind(): void {
    this.#next = 0;
  }

  async stop(): Promise<void> {
    this.#next = this.#length;
  }
}

class FileIterator implements ValueIterator {
  readonly isStreamed = true;
  value: string | Row = '';
  readonly #file: ListFile;
  readonly #isSingle: boolean;
  readonly #options: ReadOptions;
  #chunks: AsyncGenerator<Row[]> | undefined;
  #chunk: readonly Row[] = [];
  #next = 0;

  constructor(file: ListFile, options: ReadOptions) {
    this.#file = file;
    this.#isSingle = isSingle(file);
    this.#options = options;
  }

  next(): boolean {
    const row = this.#chunk[this.#next];
    if (row === undefined) {
      return false;
    }
    this.value = this.#isSingle ? (row[0] ?? '') : row;
    this.#next++;
    return true;
  }

  async read(): Promise<boolean> {
    this.#chunks ??= readListFile(this.#file, this.#options);
    while (!this.next()) {
      const { done, value } = await this.#chunks.next();
      if (done === true) {
        return false;
      }
      this.#chunk = value;
      this.#next = 0;
    }
    return true;
  }

  rewind(): void {
    // At the end, the generator has closed its file already.
    this.#chunks = undefined;
  }

  async stop(): Promise<void> {
    this.#chunk = [];
    this.#next = 0;
    await this.#chunks?.return(undefined);
  }
}
