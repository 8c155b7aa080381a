import { CsvRows, paramsOf } from './csv-rows.ts';
import type { Window } from './read-windows.ts';

/** Turns windows of records into what an export puts out. */
export interface Encoder {
  encode(window: Window): Buffer | string;
  /** What is still to come behind the last window. */
  end(): string;
  /** Lines that looked like records and were none. */
  readonly invalid: number;
}

/** `params` names the columns; undefined takes those of the first record. */
export function encoderOf(
  format: 'ndjson' | 'csv',
  params: readonly string[] | undefined,
): Encoder {
  if (format === 'csv') return new CsvEncoder(params);
  return { encode: (window) => window.data, end: () => '', invalid: 0 };
}

class CsvEncoder implements Encoder {
  readonly #params: readonly string[] | undefined;
  #csv: CsvRows | undefined;
  invalid = 0;

  constructor(params: readonly string[] | undefined) {
    this.#params = params;
  }

  encode(window: Window): string {
    const lines = [...linesOf(window)];
    const csv = this.#csv ?? new CsvRows(this.#params ?? paramsOf(lines[0]));
    const { text, invalid } = csv.rows(lines);
    this.invalid += invalid;
    return this.#start(csv) + text;
  }

  end(): string {
    return this.#start(this.#csv ?? new CsvRows(this.#params ?? []));
  }

  /** The header, the first time. */
  #start(csv: CsvRows): string {
    if (this.#csv !== undefined) return '';
    this.#csv = csv;
    return csv.header();
  }
}

function* linesOf({ data, ends }: Window): Generator<Buffer> {
  let start = 0;
  for (const end of ends) {
    yield data.subarray(start, end - 1);
    start = end;
  }
}
