import { readListFile } from './list-file.ts';
import type { ListFile, RowProblem } from './list-row.ts';
import type { ParameterSource } from '../model/plan.ts';

/** A file with more values is not kept in memory but read again for every outer value. */
const MAX_CACHED = 10_000;

/** Iterates over the values of one parameter. It has no value before the first `next()`. */
export interface ValueIterator {
  readonly value: string;
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

interface IteratorOptions {
  readonly onProblem: RowProblem;
  readonly signal?: AbortSignal | undefined;
}

export async function openValues(
  source: ParameterSource,
  options: IteratorOptions,
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
    const { from, to } = source;
    return new MemoryIterator(to - from + 1, (at) => String(from + at));
  }
  const cached = await readShort(source, options);
  return cached === undefined ? new FileIterator(source, options) : listIterator(cached);
}

async function readShort(file: ListFile, options: IteratorOptions): Promise<string[] | undefined> {
  const values: string[] = [];
  for await (const chunk of readListFile(file, options)) {
    values.push(...chunk.slice(0, MAX_CACHED + 1));
    if (values.length > MAX_CACHED) {
      return undefined;
    }
  }
  return values;
}

function listIterator(values: readonly string[]): MemoryIterator {
  return new MemoryIterator(values.length, (at) => values[at] ?? '');
}

class MemoryIterator implements ValueIterator {
  readonly isStreamed = false;
  value = '';
  readonly #length: number;
  readonly #valueAt: (at: number) => string;
  #next = 0;

  constructor(length: number, valueAt: (at: number) => string) {
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
  value = '';
  readonly #file: ListFile;
  readonly #options: IteratorOptions;
  #chunks: AsyncGenerator<string[]> | undefined;
  #chunk: readonly string[] = [];
  #next = 0;

  constructor(file: ListFile, options: IteratorOptions) {
    this.#file = file;
    this.#options = options;
  }

  next(): boolean {
    const value = this.#chunk[this.#next];
    if (value === undefined) {
      return false;
    }
    this.value = value;
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
