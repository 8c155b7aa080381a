import type { Writable } from 'node:stream';
import {
  csvLine,
  headerColumns,
  LAST_COLUMNS,
  PAGE_COLUMNS,
  RECORD_COLUMNS,
  safeCell,
  type ToCell,
} from '../export/csv-columns.ts';
import { Output } from '../export/output.ts';
import type { RowSink } from './export-rows.ts';
import { type Field, fieldsOf, PARAMS, type RowShape, tableFields } from './fields.ts';
import type { Row } from './row.ts';

interface TextOptions {
  readonly format: 'ndjson' | 'csv';
  /** No cell of the CSV is a formula for a spreadsheet. */
  readonly isCsvSafe: boolean;
  /** The fields to write, in this order. @default all */
  readonly fields?: readonly string[] | undefined;
  readonly signal?: AbortSignal;
}

/** Writes rows as NDJSON or CSV. Does not end the stream. */
export class TextSink implements RowSink {
  readonly #output: Output;
  readonly #textFor: (first: Row | undefined) => RowText;
  /** Undefined until the header is written. */
  #text: RowText | undefined;

  /** @throws FieldsError */
  constructor(out: Writable, shape: RowShape, options: TextOptions) {
    this.#textFor = textFor(shape, options);
    this.#output = new Output(out, options.signal);
  }

  async write(rows: readonly Row[]): Promise<void> {
    const text = this.#text ?? (await this.#begin(rows[0]));
    await this.#output.write(rows.map((row) => text.line(row)).join(''));
  }

  async end(): Promise<void> {
    if (this.#text === undefined) {
      await this.#begin();
    }
  }

  async #begin(first?: Row): Promise<RowText> {
    this.#text = this.#textFor(first);
    await this.#output.write(this.#text.header);
    return this.#text;
  }

  async stop(): Promise<void> {
    this.#output.release();
  }
}

/** Rows as lines of text. */
interface RowText {
  /** Before the first row. */
  readonly header: string;
  line(row: Row): string;
}

/** What the columns of CSV are by default depends on the first row. */
function textFor(
  shape: RowShape,
  { format, isCsvSafe, fields }: TextOptions,
): (first: Row | undefined) => RowText {
  const toCell = isCsvSafe ? safeCell : undefined;
  if (fields !== undefined || shape.isExploded) {
    const names = fields ?? (format === 'csv' ? tableFields(shape) : ITEM_KEYS);
    const chosen = fieldsOf(names, shape);
    const text = format === 'csv' ? csvText(chosen, toCell) : ndjsonText(chosen);
    return () => text;
  }
  if (format === 'ndjson') {
    return recordText;
  }
  return (first) => csvText(fieldsOf(csvFields(shape, first), shape), toCell);
}

const ITEM_KEYS = ['index', 'page', 'position', 'params', 'item'];

/** The same columns as those of an export without any choice. */
function csvFields(shape: RowShape, first: Row | undefined): string[] {
  const pages = first?.head['page'] === undefined ? [] : PAGE_COLUMNS.map(({ field }) => field);
  const params = shape.params.map((param) => PARAMS + param);
  const last = shape.hasBodyFiles
    ? ['error.code', 'error.message', 'charset', 'bodyFile']
    : LAST_COLUMNS;
  const fields = [...RECORD_COLUMNS.map(({ field }) => field), ...headerColumns(shape.headers)];
  return ['index', ...pages, ...params, ...fields, ...last];
}

/** Records as they are, except for what was made of their bodies. */
function recordText(): RowText {
  return { header: '', line: ({ head, body, bodyFile }) => recordLine(head, body, bodyFile) };
}

function recordLine(head: Row['head'], body: Row['body'], bodyFile: string | undefined): string {
  if (bodyFile !== undefined) {
    const { bodyEncoding: _, ...rest } = head;
    return `${JSON.stringify({ ...rest, bodyFile })}\n`;
  }
  const text = JSON.stringify(head);
  return body === undefined ? `${text}\n` : `${text.slice(0, -1)},"body":${body.text}}\n`;
}

/** NDJSON with the given keys, in this order. A value that a row lacks is left out. */
function ndjsonText(fields: readonly Field[]): RowText {
  const keys = fields.map(({ name }) => `${JSON.stringify(name)}:`);
  const line = (row: Row): string => {
    let text = '';
    for (const [at, field] of fields.entries()) {
      const json = field.json === undefined ? JSON.stringify(field.value(row)) : field.json(row);
      if (json !== undefined) {
        text += `${text === '' ? '' : ','}${keys[at]}${json}`;
      }
    }
    return `{${text}}\n`;
  };
  return { header: '', line };
}

/** CSV with the given columns, in this order. A parameter is a column of its own name. */
function csvText(fields: readonly Field[], toCell?: ToCell): RowText {
  const line = (row: Row): string =>
    csvLine(
      fields.map((field) => field.value(row)),
      toCell,
    );
  return { header: csvLine(csvNames(fields), toCell), line };
}

/** A parameter with the name of another column gets the prefix `param.`. */
function csvNames(fields: readonly Field[]): string[] {
  const names = new Set(fields.map(({ name }) => name).filter((name) => !name.startsWith(PARAMS)));
  return fields.map(({ name }) => {
    if (!name.startsWith(PARAMS)) {
      return name;
    }
    let column = name.slice(PARAMS.length);
    while (names.has(column)) {
      column = `param.${column}`;
    }
    names.add(column);
    return column;
  });
}
