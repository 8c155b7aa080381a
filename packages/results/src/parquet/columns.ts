import type { Encoding, SchemaElement } from 'hyparquet';
import { columnNames } from '../rows/column-names.ts';
import type { Field, FieldKind } from '../rows/fields.ts';
import { type LineScanner, NOWHERE } from '../rows/line-scanner.ts';
import { readDecimal, readWhole, TimeReader, UNREAD } from '../rows/line-values.ts';
import type { Row } from '../rows/row.ts';
import { MAX_INT32, readerOf } from '../rows/typed-value.ts';
import { TextValues } from './text-values.ts';

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

/** Bytes of a value that is no text, or of none. */
const VALUE_BYTES = 8;

/** A column of a Parquet file, and its values of the rows that are not written yet. */
export interface Column {
  readonly name: string;
  readonly schema: SchemaElement;
  readonly encoding: Encoding | undefined;
  readonly hasStatistics: boolean;
  /** @returns the approximate bytes of the value. @throws FieldValueError */
  add(row: Row): number;
  /**
   * Adds the value of a line that is scanned.
   *
   * @returns the same; {@link UNREAD} if the line must be parsed
   */
  addFrom(lines: LineScanner, slot: number): number;
  /** Leaves the first rows. */
  truncate(rows: number): void;
  /** The values of all rows, made anew. They are there until the next one is added. */
  values(): unknown[];
}

export function columnsOf(fields: readonly Field[]): Column[] {
  const names = columnNames(fields);
  return fields.map((field, at) => {
    const name = names[at] ?? field.name;
    return field.kind === 'text' ? new TextColumn(field, name) : new ScalarColumn(field, name);
  });
}

abstract class BaseColumn {
  readonly name: string;
  readonly schema: SchemaElement;
  readonly encoding: Encoding | undefined;
  readonly hasStatistics: boolean;

  constructor(field: Field, name: string) {
    this.name = name;
    this.schema = {
      name,
      ...TYPES[field.kind],
      repetition_type: field.isRequired === true ? 'REQUIRED' : 'OPTIONAL',
    };
    this.encoding = DISTINCT.has(field.name) ? 'PLAIN' : undefined;
    // To compare texts takes a quarter of the time of an export.
    this.hasStatistics = field.kind !== 'text';
  }
}

/** Numbers take no memory of their own in a list, as most bigints do. */
function toLong(value: unknown): unknown {
  return typeof value === 'number' ? BigInt(value) : value;
}

class ScalarColumn extends BaseColumn implements Column {
  readonly #read: (row: Row) => unknown;
  readonly #readBytes: (data: Buffer, from: number, to: number) => number;
  readonly #isLong: boolean;
  readonly #values: unknown[] = [];

  constructor(field: Field, name: string) {
    super(field, name);
    this.#read = readerOf(field);
    this.#readBytes = bytesReader(field.kind);
    this.#isLong = field.kind === 'long';
  }

  add(row: Row): number {
    this.#values.push(this.#read(row));
    return VALUE_BYTES;
  }

  addFrom({ data, starts, ends }: LineScanner, slot: number): number {
    const from = starts[slot] ?? NOWHERE;
    const value = from === NOWHERE ? undefined : this.#readBytes(data, from, ends[slot] ?? from);
    if (value === UNREAD) {
      return UNREAD;
    }
    this.#values.push(value);
    return VALUE_BYTES;
  }

  truncate(rows: number): void {
    this.#values.length = rows;
  }

  values(): unknown[] {
    return this.#isLong ? this.#values.map(toLong) : this.#values;
  }
}

function bytesReader(kind: FieldKind): (data: Buffer, from: number, to: number) => number {
  switch (kind) {
    case 'integer':
      return (data, from, to) => {
        const value = readWhole(data, from, to);
        return value > MAX_INT32 ? UNREAD : value;
      };
    case 'long':
      return readWhole;
    case 'double':
      return readDecimal;
    case 'time': {
      const times = new TimeReader();
      return (data, from, to) => times.read(data, from, to);
    }
    case 'text':
      return () => UNREAD;
    default:
      return kind satisfies never;
  }
}

class TextColumn extends BaseColumn implements Column {
  readonly #read: (row: Row) => unknown;
  readonly #isBody: boolean;
  readonly #values = new TextValues();

  constructor(field: Field, name: string) {
    super(field, name);
    this.#read = field.utf8 ?? readerOf(field);
    this.#isBody = field.name === 'body';
  }

  add(row: Row): number {
    const value = this.#read(row);
    if (Buffer.isBuffer(value)) {
      return this.#values.addBytes(value, 0, value.length);
    }
    return typeof value === 'string' ? this.#values.addText(value) : this.#addNull();
  }

  addFrom(lines: LineScanner, slot: number): number {
    const { data, starts, ends } = lines;
    const from = starts[slot] ?? NOWHERE;
    if (from === NOWHERE) {
      return this.#addNull();
    }
    if (!(this.#isBody ? lines.isBodyEncoded : lines.isCoded(slot))) {
      return this.#values.addBytes(data, from, ends[slot] ?? from);
    }
    const value = parsed(lines.jsonOf(slot));
    if (typeof value === 'string') {
      return this.#values.addText(value);
    }
    return this.#isBody ? UNREAD : this.#values.addText(JSON.stringify(value));
  }

  truncate(rows: number): void {
    this.#values.truncate(rows);
  }

  values(): unknown[] {
    return this.#values.views();
  }

  #addNull(): number {
    this.#values.addNull();
    return VALUE_BYTES;
  }
}

/** Undefined if it is no JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
