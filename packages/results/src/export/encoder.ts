import { CopiedRow, ROW_OVERHEAD_BYTES } from './copied-row.ts';
import { linePrefix, readPage } from '../folder/record-line.ts';
import { type ColumnOptions, csvHeader, safeCell, type ToCell } from './csv-columns.ts';
import { paramsOf, parsedRow } from './parsed-row.ts';
import type { Window } from './window-reader.ts';

/** Converts windows of records to the bytes of an export. */
export interface Encoder {
  encode(window: Window): Buffer;
  /** The text after the last window. */
  end(): string;
  /** Lines that looked like records but were not valid JSON. */
  readonly invalid: number;
  /** Whether the result of `encode` uses the memory of the window. */
  readonly passesWindow: boolean;
}

export interface EncoderOptions {
  readonly batch: string;
  readonly format: 'ndjson' | 'csv';
  /** No cell of the CSV is a formula for a spreadsheet. */
  readonly isCsvSafe: boolean;
  /** Parameter columns; undefined takes the parameters of the first record. */
  readonly params: readonly string[] | undefined;
  /** Whether a result of `encode` can be overwritten by the next one. */
  readonly reuseChunks: boolean;
}

export function encoderOf(options: EncoderOptions): Encoder {
  if (options.format === 'csv') {
    return new CsvEncoder(options);
  }
  return { encode: (window) => window.data, end: () => '', invalid: 0, passesWindow: true };
}

interface CsvColumns extends ColumnOptions {
  /** Undefined where values may have to be changed. */
  readonly copiedRow: CopiedRow | undefined;
}

class CsvEncoder implements Encoder {
  readonly #options: EncoderOptions;
  readonly #toCell: ToCell | undefined;
  /** Undefined until the header is written. */
  #columns: CsvColumns | undefined;
  #out: Buffer = Buffer.alloc(0);
  #at = 0;
  invalid = 0;
  readonly passesWindow = false;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#toCell = options.isCsvSafe ? safeCell : undefined;
  }

  encode({ data, ends }: Window): Buffer {
    if (!this.#options.reuseChunks) {
      this.#out = Buffer.allocUnsafe(data.length);
    }
    this.#at = 0;
    const columns = this.#columns ?? this.#start(data.subarray(0, (ends[0] ?? 1) - 1));
    const { copiedRow } = columns;
    let start = 0;
    for (const next of ends) {
      const end = next - 1;
      this.#reserve(2 * (end - start) + ROW_OVERHEAD_BYTES);
      const at = copiedRow?.copy(data, [start, end], this.#out, this.#at) ?? -1;
      if (at < 0) {
        this.#write(parsedRow(data.subarray(start, end), columns, this.#toCell));
      } else {
        this.#at = at;
      }
      start = next;
    }
    return this.#out.subarray(0, this.#at);
  }

  end(): string {
    if (this.#columns !== undefined) {
      return '';
    }
    this.#start();
    return this.#out.toString('utf8', 0, this.#at);
  }

  /** Writes the header. @param first the first record, if there is one */
  #start(first: Buffer = Buffer.alloc(0)): CsvColumns {
    const { batch, isCsvSafe, params = paramsOf(first) } = this.#options;
    const hasPages = (readPage(first, 0, linePrefix(batch))?.page ?? 0) > 0;
    const columns = { params, hasPages };
    const copiedRow = isCsvSafe ? undefined : new CopiedRow(batch, columns);
    this.#columns = { ...columns, copiedRow };
    this.#write(csvHeader(columns, this.#toCell));
    return this.#columns;
  }

  /** @param text undefined for a line that is not JSON */
  #write(text: string | undefined): void {
    if (text === undefined) {
      this.invalid += 1;
      return;
    }
    this.#reserve(Buffer.byteLength(text));
    this.#at += this.#out.write(text, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#out.length - this.#at >= bytes) {
      return;
    }
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}
