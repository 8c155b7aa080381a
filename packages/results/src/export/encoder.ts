import { CsvRows, paramsOf } from './csv-rows.ts';
import { PlainRow, ROW_OVERHEAD_BYTES } from './plain-row.ts';
import type { Window } from './window-reader.ts';

/** Turns windows of records into what an export puts out. */
export interface Encoder {
  encode(window: Window): Buffer;
  /** What is still to come behind the last window. */
  end(): string;
  /** Lines that looked like records and were none. */
  readonly invalid: number;
  /** Whether the result of `encode` lies in the memory of the window. */
  readonly passesWindow: boolean;
}

export interface EncoderOptions {
  readonly batch: string;
  readonly format: 'ndjson' | 'csv';
  /** Names the columns; undefined takes those of the first record. */
  readonly params: readonly string[] | undefined;
  /** A result is used up when the next one is asked for. */
  readonly reuseChunks: boolean;
}

export function encoderOf(options: EncoderOptions): Encoder {
  if (options.format === 'csv') return new CsvEncoder(options);
  return { encode: (window) => window.data, end: () => '', invalid: 0, passesWindow: true };
}

interface Csv {
  readonly rows: CsvRows;
  readonly plain: PlainRow;
}

class CsvEncoder implements Encoder {
  readonly #options: EncoderOptions;
  #csv: Csv | undefined;
  #out: Buffer = Buffer.alloc(0);
  #at = 0;
  invalid = 0;
  readonly passesWindow = false;

  constructor(options: EncoderOptions) {
    this.#options = options;
  }

  encode({ data, ends }: Window): Buffer {
    if (!this.#options.reuseChunks) this.#out = Buffer.allocUnsafe(data.length);
    this.#at = 0;
    const csv = this.#csv ?? this.#start(paramsOf(data.subarray(0, (ends[0] ?? 1) - 1)));
    let start = 0;
    for (const behind of ends) {
      const end = behind - 1;
      this.#reserve(2 * (end - start) + ROW_OVERHEAD_BYTES);
      const at = csv.plain.copy(data, [start, end], this.#out, this.#at);
      if (at < 0) this.#put(csv.rows.row(data.subarray(start, end)));
      else this.#at = at;
      start = behind;
    }
    return this.#out.subarray(0, this.#at);
  }

  end(): string {
    if (this.#csv !== undefined) return '';
    this.#start([]);
    return this.#out.toString('utf8', 0, this.#at);
  }

  /** Puts the header out. */
  #start(fallback: readonly string[]): Csv {
    const params = this.#options.params ?? fallback;
    const rows = new CsvRows(params);
    this.#csv = { rows, plain: new PlainRow(this.#options.batch, params) };
    this.#put(rows.header());
    return this.#csv;
  }

  /** @param text undefined for a line that is no JSON */
  #put(text: string | undefined): void {
    if (text === undefined) {
      this.invalid += 1;
      return;
    }
    this.#reserve(Buffer.byteLength(text));
    this.#at += this.#out.write(text, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#out.length - this.#at >= bytes) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}
