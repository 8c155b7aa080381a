import {
  type ExportSummary,
  type ReadOptions,
  readBatch,
  type WindowTarget,
} from '../export/export-batch.ts';
import { paramsOf } from '../export/parsed-row.ts';
import type { Manifest } from '../folder/manifest.ts';
import type { Window } from '../export/window-reader.ts';
import { BodyFiles } from './body-files.ts';
import { FieldsError, type RowShape } from './fields.ts';
import { type RowOptions, RowReader } from './row-reader.ts';
import type { Row } from './row.ts';

/** Writes rows somewhere. */
export interface RowSink {
  write(rows: readonly Row[]): Promise<void>;
  /**
   * Writes the rows of whole records. A sink has this if it reads values from lines; what it cannot
   * read, `rowsOf` does.
   *
   * @returns how many rows
   */
  writeLines?(window: Window, rowsOf: (line: Buffer) => Iterable<Row>): Promise<number>;
  /** After the last row. */
  end(summary: Pick<ExportSummary, 'missing'>): Promise<void>;
  /** After the end, or after a failure. */
  stop(): Promise<void>;
}

export interface RowsOptions extends ReadOptions, RowOptions {
  /** A folder for the bodies, as an absolute path; a row then has the name of a file. */
  readonly bodies?: string | undefined;
  /** Parameters whose values are whole numbers, besides those of which the manifest says so. */
  readonly integers?: readonly string[] | undefined;
  /** Called when the parameters are known. Throws FieldsError for a field that there is not. */
  readonly open: (shape: RowShape) => RowSink;
}

export interface RowsSummary extends ExportSummary {
  readonly rows: number;
  /** Records with other outcomes. */
  readonly leftOut: number;
  /** Records without a list to explode. */
  readonly withoutList: number;
}

/** Rows that are handed on at once. A record may have any number of items. */
const ROWS_AT_ONCE = 4_096;

/**
 * Writes rows made of the records of a batch, in index order.
 *
 * @throws FieldsError, and as `exportBatch` does
 */
export async function exportRows(options: RowsOptions): Promise<RowsSummary> {
  // Wrong paths are told before anything is read.
  const reader = new RowReader(options);
  let target: RowTarget | undefined;
  try {
    const { written, ...rest } = await readBatch(options, (manifest) => {
      target = new RowTarget(reader, options, manifest);
      return target;
    });
    const { leftOut, withoutList } = reader;
    const rows = target?.rows ?? 0;
    return { written: written - leftOut, rows, leftOut, withoutList, ...rest };
  } finally {
    await target?.stop();
  }
}

class RowTarget implements WindowTarget {
  readonly #reader: RowReader;
  readonly #options: RowsOptions;
  readonly #bodies: BodyFiles | undefined;
  #sink: RowSink | undefined;
  rows = 0;
  readonly keepsWindows = false;

  constructor(reader: RowReader, options: RowsOptions, manifest: Manifest | undefined) {
    this.#reader = reader;
    this.#options = options;
    this.#bodies = options.bodies === undefined ? undefined : new BodyFiles(options.bodies);
    if (manifest !== undefined) {
      this.#sink = this.#open(manifest.params, manifest);
    }
  }

  get invalid(): number {
    return this.#reader.invalid;
  }

  async write(window: Window): Promise<void> {
    const { data, ends } = window;
    this.#sink ??= this.#open(paramsOf(data.subarray(0, (ends[0] ?? 1) - 1)));
    if (this.#sink.writeLines !== undefined && this.#isWhole) {
      this.#options.signal?.throwIfAborted();
      this.rows += await this.#sink.writeLines(window, (line) => this.#reader.rowsOf(line));
      return;
    }
    let rows: Row[] = [];
    let start = 0;
    for (const next of ends) {
      for (const row of this.#reader.rowsOf(data.subarray(start, next - 1))) {
        rows.push(row);
        if (rows.length === ROWS_AT_ONCE) {
          await this.#write(this.#sink, rows);
          rows = [];
        }
      }
      start = next;
    }
    await this.#write(this.#sink, rows);
  }

  /** All records are rows, with all that they have. */
  get #isWhole(): boolean {
    const { outcomes, select, explode, bodies } = this.#options;
    return [outcomes, select, explode, bodies].every((choice) => choice === undefined);
  }

  async end(summary: ExportSummary): Promise<void> {
    this.#sink ??= this.#open([]);
    await this.#sink.end(summary);
  }

  async stop(): Promise<void> {
    await this.#sink?.stop();
  }

  async #write(sink: RowSink, rows: readonly Row[]): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.rows += rows.length;
    await this.#bodies?.open();
    await sink.write((await this.#bodies?.write(rows)) ?? rows);
  }

  #open(
    params: readonly string[],
    { integers: known = [], headers, revalidate }: Partial<Manifest> = {},
  ): RowSink {
    const { explode, bodies, integers: named = [], open } = this.#options;
    const isExploded = explode !== undefined;
    const unknown = named.find((name) => !params.includes(name));
    if (unknown !== undefined) {
      const names = params.join(', ') || 'none';
      throw new FieldsError(`--integers: there is no parameter "${unknown}"; there are ${names}`);
    }
    const integers = [...named, ...known];
    const hasBodyFiles = bodies !== undefined;
    const isRevalidated = revalidate !== undefined;
    return open({ params, isExploded, hasBodyFiles, integers, headers, isRevalidated });
  }
}
