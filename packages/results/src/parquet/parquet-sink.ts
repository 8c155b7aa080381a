import { isUtf8 } from 'node:buffer';
import type { Writable } from 'node:stream';
import { zstdCompressSync } from 'node:zlib';
import { VERSION } from '@fetchfleet/crawl';
import type { Encoding } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { MISSING_KEY } from '../cache/table-cache.ts';
import { Output } from '../export/output.ts';
import type { Window } from '../export/window-reader.ts';
import type { RowSink } from '../rows/export-rows.ts';
import { fieldsOf, type RowShape, tableFields } from '../rows/fields.ts';
import { LineScanner } from '../rows/line-scanner.ts';
import { UNREAD } from '../rows/line-values.ts';
import type { Row } from '../rows/row.ts';
import { type Column, columnsOf } from './columns.ts';

export interface ParquetOptions {
  /** The fields to write, in this order. @default all */
  readonly fields?: readonly string[] | undefined;
  readonly signal?: AbortSignal;
}

/** Rows of a row group: what readers skip or read as a whole. */
const GROUP_ROWS = 10_000;
/** Or fewer, if they are large: a row group is in memory until it is written. */
const GROUP_BYTES = 32 * 1_024 * 1_024;

/** A file begins with PAR1. */
const AFTER_MAGIC = 4n;

/** Writes rows as Parquet, a row group at a time. Does not end the stream. */
export class ParquetSink implements RowSink {
  readonly #output: Output;
  readonly #columns: readonly Column[];
  readonly #lines: LineScanner;
  /** Where a line has the values of each column. Undefined if some have no place of their own. */
  readonly #slots: readonly number[] | undefined;
  readonly #bytes = new ByteWriter(1_024 * 1_024);
  readonly #writer: ParquetWriter;
  #rows = 0;
  #size = 0;

  /** @throws FieldsError */
  constructor(out: Writable, shape: RowShape, { fields, signal }: ParquetOptions = {}) {
    const chosen = fieldsOf(fields ?? tableFields(shape), shape);
    this.#columns = columnsOf(chosen);
    this.#lines = new LineScanner(shape.params);
    const slots = chosen.map(({ name }) => this.#lines.slotOf(name));
    this.#slots = slots.every((slot) => slot !== undefined) ? slots : undefined;
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: [
        { name: 'records', num_children: this.#columns.length },
        ...this.#columns.map(({ schema }) => schema),
      ],
      codec: 'ZSTD',
      compressors: { ZSTD: compressed },
      createdBy: `fetchfleet ${VERSION}`,
    });
    this.#output = new Output(out, signal);
  }

  async write(rows: readonly Row[]): Promise<void> {
    for (const row of rows) {
      this.#addRow(row);
      if (this.#isFull) {
        await this.#writeGroup();
      }
    }
  }

  async writeLines(
    { data, ends }: Window,
    rowsOf: (line: Buffer) => Iterable<Row>,
  ): Promise<number> {
    // Bytes that are no text become others where they are parsed.
    const slots = isUtf8(data) ? this.#slots : undefined;
    let rows = 0;
    let start = 0;
    for (const next of ends) {
      const end = next - 1;
      if (slots !== undefined && this.#addLine(data, [start, end], slots)) {
        rows += 1;
      } else {
        for (const row of rowsOf(data.subarray(start, end))) {
          this.#addRow(row);
          rows += 1;
        }
      }
      start = next;
      if (this.#isFull) {
        await this.#writeGroup();
      }
    }
    return rows;
  }

  async end({ missing }: Parameters<RowSink['end']>[0]): Promise<void> {
    this.#writer.kvMetadata = [{ key: MISSING_KEY, value: String(missing) }];
    if (this.#rows > 0) {
      await this.#writeGroup();
    }
    if (this.#writer.row_groups.length === 0) {
      this.#addEmptyGroup();
    }
    await this.#writer.finish();
    await this.#flush();
  }

  async stop(): Promise<void> {
    this.#output.release();
  }

  get #isFull(): boolean {
    return this.#rows >= GROUP_ROWS || this.#size >= GROUP_BYTES;
  }

  #addRow(row: Row): void {
    for (const column of this.#columns) {
      this.#size += column.add(row);
    }
    this.#rows += 1;
  }

  /** @returns whether the line is added; if not, it must be parsed */
  #addLine(
    data: Buffer,
    [start, end]: readonly [number, number],
    slots: readonly number[],
  ): boolean {
    if (!this.#lines.scan(data, start, end)) {
      return false;
    }
    let size = 0;
    let at = 0;
    for (const column of this.#columns) {
      const bytes = column.addFrom(this.#lines, slots[at] ?? 0);
      if (bytes === UNREAD) {
        this.#columns.forEach((one) => one.truncate(this.#rows));
        return false;
      }
      size += bytes;
      at += 1;
    }
    this.#size += size;
    this.#rows += 1;
    return true;
  }

  async #writeGroup(): Promise<void> {
    const columnData = this.#columns.map((column) => ({
      name: column.name,
      // One column after the other, so that garbage of all of them is never there at once.
      get data(): unknown[] {
        return column.values();
      },
      statistics: column.hasStatistics,
      ...(column.encoding !== undefined && { encoding: column.encoding }),
    }));
    await this.#writer.write({ columnData, rowGroupSize: this.#rows });
    this.#columns.forEach((column) => column.truncate(0));
    this.#rows = 0;
    this.#size = 0;
    await this.#flush();
  }

  /** The library writes an empty list of row groups in a way that Arrow refuses. */
  #addEmptyGroup(): void {
    const none = {
      encodings: ['PLAIN'] as const satisfies Encoding[],
      codec: 'UNCOMPRESSED' as const,
      num_values: 0n,
      total_uncompressed_size: 0n,
      total_compressed_size: 0n,
      data_page_offset: AFTER_MAGIC,
    };
    const columns = this.#columns.map(({ name, schema: { type } }) => ({
      file_offset: AFTER_MAGIC,
      ...(type !== undefined && { meta_data: { ...none, type, path_in_schema: [name] } }),
    }));
    this.#writer.row_groups.push({ columns, num_rows: 0n, total_byte_size: 0n });
  }

  /** Writes what there is. The memory is used again, so it waits until the stream has it. */
  async #flush(): Promise<void> {
    await this.#output.write(Buffer.from(this.#bytes.buffer, 0, this.#bytes.index));
    this.#bytes.index = 0;
  }
}

const EMPTY = zstdCompressSync(Buffer.alloc(0));

/** Most columns of most row groups have no values at all. */
function compressed(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? EMPTY : zstdCompressSync(bytes);
}
