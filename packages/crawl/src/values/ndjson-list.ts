import type { RowColumn } from '../model/plan.ts';
import type { ListFile } from '../model/parameter-source.ts';
import { InputError } from '../model/input-error.ts';
import { JsonDocument } from '../select/json-document.ts';
import { suggestion } from '../model/suggestion.ts';
import { trimInvisible } from './invisible.ts';
import { type ReadOptions, type Row, type RowProblem, RowReader, rulesOf } from './list-row.ts';
import { readLines } from './text-lines.ts';

type Fields = ReadonlyMap<string, unknown>;

/** Ignores blank lines, as the NDJSON specification allows. */
export async function* readNdjson(file: ListFile, options: ReadOptions): AsyncGenerator<Row[]> {
  const { comment } = rulesOf(file);
  const rows = new RowReader(file, options);
  const cells = new CellReader(rows, options);
  let line = 0;
  for await (const lines of readLines(file, options.signal)) {
    const values: Row[] = [];
    for (const written of lines) {
      line++;
      const text = trimInvisible(written);
      if (text === '' || (comment !== undefined && text.startsWith(comment))) {
        continue;
      }
      const document = JsonDocument.parse(text);
      const fields = fieldsOf(document?.value);
      if (document === undefined || fields === undefined) {
        options.onProblem(line, 'the line is not a JSON object');
        continue;
      }
      const found = cells.read(document, fields, line);
      const row = found === undefined ? undefined : rows.read(found, line);
      if (row !== undefined) {
        values.push(row);
      }
    }
    yield values;
  }
  cells.checkKeys(file);
}

/** Turns the object of a line into the texts of its columns. */
class CellReader {
  readonly #rows: RowReader;
  readonly #onProblem: RowProblem;
  readonly #jsonParams: ReadonlySet<string>;
  /** Optional columns that no row had so far, with the keys of the first row. */
  readonly #unseen: Set<RowColumn>;
  #firstKeys: readonly string[] | undefined;

  constructor(rows: RowReader, { onProblem, jsonParams }: ReadOptions) {
    this.#rows = rows;
    this.#onProblem = onProblem;
    this.#jsonParams = jsonParams ?? new Set();
    this.#unseen = new Set(rows.columns.filter(({ optional }) => optional));
  }

  /** Undefined if a problem was reported. */
  read(document: JsonDocument, fields: Fields, line: number): string[] | undefined {
    this.#firstKeys ??= [...fields.keys()];
    for (const column of this.#unseen) {
      if (fields.has(column.column ?? '')) {
        this.#unseen.delete(column);
      }
    }
    const cells: string[] = [];
    let isUsable = true;
    for (const column of this.#rows.columns) {
      const problem = this.#problemOf(column, fields);
      if (problem !== undefined) {
        this.#onProblem(line, problem);
        isUsable = false;
        continue;
      }
      cells.push(this.#textOf(document, fields, column));
    }
    return isUsable ? cells : undefined;
  }

  /** A key that no row has is a mistake, also where rows may lack it. */
  checkKeys({ path }: ListFile): void {
    const [unseen] = this.#unseen;
    if (unseen === undefined || this.#firstKeys === undefined) {
      return;
    }
    const { column = '' } = unseen;
    const message = `no row has a key "${column}"${suggestion(column, this.#firstKeys)}`;
    throw new InputError([{ file: path, message }]);
  }

  #textOf(document: JsonDocument, fields: Fields, { param, column = '' }: RowColumn): string {
    const value = fields.get(column);
    // Where values are JSON, the text "42" is not the number 42, and null is a value.
    const isJson = value !== undefined && this.#jsonParams.has(param);
    if (isJson || typeof value === 'number') {
      return document.textOf(value, () => [column]);
    }
    if (typeof value === 'string') {
      return value;
    }
    // Null is what other formats write as a blank cell; so is an optional key that is missing.
    return typeof value === 'boolean' ? String(value) : '';
  }

  #problemOf({ param, column = '', optional }: RowColumn, fields: Fields): string | undefined {
    const value = fields.get(column);
    if (value === undefined && optional !== true) {
      return `there is no key "${column}"${suggestion(column, [...fields.keys()])}`;
    }
    if (typeof value !== 'object' || value === null || this.#jsonParams.has(param)) {
      return undefined;
    }
    const where = 'if the parameter stands nowhere else';
    return `"${column}" is neither a text nor a number; {{${param}|json}} takes it, ${where}`;
  }
}

/** Undefined if it is no object. */
function fieldsOf(row: unknown): Fields | undefined {
  return typeof row === 'object' && row !== null && !Array.isArray(row)
    ? new Map<string, unknown>(Object.entries(row))
    : undefined;
}
