import { readListFile } from './list-file.ts';
import type { ListFile, RowProblem } from './list-file.ts';
import type { ParameterSource } from '../model/plan.ts';

/** Values of a file that are kept in memory; a longer one is read again for every outer value. */
const MAX_CACHED = 10_000;

/** Walks the values of one parameter. Before the first `next()` it stands in front of the first value. */
export interface ValueCursor {
  readonly value: string;
  /** Whether `next()` gave false only because the following values must be read first. */
  readonly isStreamed: boolean;
  /** To the next value, if it is in memory. */
  next(): boolean;
  /** To the next value, reading if need be; false at the end. */
  read(): Promise<boolean>;
  /** From the end back in front of the first value. */
  rewind(): void;
  stop(): Promise<void>;
}

interface CursorOptions {
  readonly onProblem: RowProblem;
  readonly signal?: AbortSignal | undefined;
}

export async function openCursor(
  source: ParameterSource,
  options: CursorOptions,
): Promise<ValueCursor> {
  if (source.kind === 'list') {
    return listCursor(source.values);
  }
  if (source.kind === 'countries') {
    // They take a while to load, and few crawls need them.
    const { countries } = await import('./countries.ts');
    return listCursor(countries(source.form));
  }
  if (source.kind === 'range') {
    const { from, to } = source;
    return new MemoryCursor(to - from + 1, (at) => String(from + at));
  }
  const cached = await readShort(source, options);
  return cached === undefined ? new FileCursor(source, options) : listCursor(cached);
}

async function readShort(file: ListFile, options: CursorOptions): Promise<string[] | undefined> {
  const values: string[] = [];
  for await (const chunk of readListFile(file, options)) {
    values.push(...chunk.slice(0, MAX_CACHED + 1));
    if (values.length > MAX_CACHED) {
      return undefined;
    }
  }
  return values;
}

function listCursor(values: readonly string[]): MemoryCursor {
  return new MemoryCursor(values.length, (at) => values[at] ?? '');
}

class MemoryCursor implements ValueCursor {
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

class FileCursor implements ValueCursor {
  readonly isStreamed = true;
  value = '';
  readonly #file: ListFile;
  readonly #options: CursorOptions;
  #chunks: AsyncGenerator<string[]> | undefined;
  #chunk: readonly string[] = [];
  #next = 0;

  constructor(file: ListFile, options: CursorOptions) {
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
    // What was read to its end has closed its file already.
    this.#chunks = undefined;
  }

  async stop(): Promise<void> {
    this.#chunk = [];
    this.#next = 0;
    await this.#chunks?.return(undefined);
  }
}
