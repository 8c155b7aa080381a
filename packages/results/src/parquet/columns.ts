import type { Encoding, SchemaElement } from 'hyparquet';
import { columnNames } from '../rows/column-names.ts';
import type { Field, FieldKind } from '../rows/fields.ts';
import type { Row } from '../rows/row.ts';
import { readerOf } from '../rows/typed-value.ts';

type Primitive = Pick<SchemaElement, 'type' | 'converted_type'>;

const TYPES: Readonly<Record<FieldKind, Primitive>> = {
  integer: { type: 'INT32' },
  long: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};

/** Columns that hardly repeat a value: a dictionary would be built in vain. */
const DISTINCT = new Set(['index', 'url', 'finalUrl', 'startedAt', 'durationMs', 'body', 'item']);

/** A column of a Parquet file, and its values of the rows that are not written yet. */
export class Column {
  readonly name: string;
  readonly schema: SchemaElement;
  readonly encoding: Encoding | undefined;
  readonly hasStatistics: boolean;
  readonly #read: (row: Row) => unknown;
  readonly #isPlain: boolean;
  #values: unknown[] = [];

  constructor(field: Field, name: string) {
    this.#read = field.utf8 ?? readerOf(field);
    this.name = name;
    this.schema = {
      name,
      ...TYPES[field.kind],
      repetition_type: field.isRequired === true ? 'REQUIRED' : 'OPTIONAL',
    };
    this.#isPlain = DISTINCT.has(field.name);
    this.encoding = this.#isPlain ? 'PLAIN' : undefined;
    // To compare texts takes a quarter of the time of an export.
    this.hasStatistics = field.kind !== 'text';
  }

  /** @returns the approximate bytes of the value. @throws FieldValueError */
  add(row: Row): number {
    const value = this.#read(row);
    if (typeof value === 'string') {
      // The encoder of the library takes three times as long.
      this.#values.push(this.#isPlain ? Buffer.from(value) : value);
      return value.length;
    }
    this.#values.push(value);
    return Buffer.isBuffer(value) ? value.length : 8;
  }

  take(): unknown[] {
    const values = this.#values;
    this.#values = [];
    return values;
  }
}

export function columnsOf(fields: readonly Field[]): Column[] {
  const names = columnNames(fields);
  return fields.map((field, at) => new Column(field, names[at] ?? field.name));
}
