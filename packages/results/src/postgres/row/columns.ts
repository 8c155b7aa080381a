import { type Field, type FieldKind, fieldsOf } from '../../rows/fields.ts';
import type { Row } from '../../rows/row.ts';
import { readerOf } from '../../rows/typed-value.ts';
import { keptRecord, lineOf, type RecordTexts } from './record-texts.ts';

/** A column of the table. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
}

/** A column, and what it holds of a record: a text that PostgreSQL reads; bytes as base64. */
interface ValueColumn extends Column {
  /** Undefined is NULL. */
  readonly value: (row: Row) => string | undefined;
}

/** Names of the columns by fields of a record. */
const NAMES: Readonly<Record<string, string>> = {
  end: 'page_end',
  method: 'method',
  url: 'url',
  outcome: 'outcome',
  status: 'status',
  attempts: 'attempts',
  startedAt: 'started_at',
  durationMs: 'duration_ms',
  bytes: 'bytes',
  contentType: 'content_type',
  worker: 'worker',
  finalUrl: 'final_url',
  selected: 'selected',
  'error.code': 'error_code',
  'error.message': 'error_message',
  charset: 'charset',
  bodyEncoding: 'body_encoding',
};

const TYPES: Readonly<Record<FieldKind, string>> = {
  integer: 'integer',
  long: 'bigint',
  double: 'double precision',
  time: 'timestamp with time zone',
  text: 'text',
};

const SHAPE = { params: [], isExploded: false, hasBodyFiles: false, integers: [] };

const VALUES: readonly ValueColumn[] = [
  column('batch', 'text', ({ head }) => textOf(head['batch'])),
  column('index', 'bigint', ({ head }) => String(head.index)),
  // The first page is 1; a batch without pages has no others.
  column('page', 'integer', ({ head }) => textOf(head['page'] ?? 1)),
  column('params', 'json', ({ head }) => JSON.stringify(head.params ?? {})),
  ...fieldsOf(Object.keys(NAMES), SHAPE).map(recordColumn),
  { ...column('headers', 'json', ({ head }) => jsonOf(head['headers'])), isRequired: false },
  // Type `json` keeps a text as it is; `jsonb` would lose digits, and refuses \u0000.
  body('body', 'json', ({ head, body: json }) =>
    head.bodyEncoding === undefined ? json?.text : undefined,
  ),
  body('body_text', 'text', (row) =>
    row.head.bodyEncoding === 'text' ? plainText(row) : undefined,
  ),
  body('body_bytes', 'bytea', base64Of),
];

/** What the others cannot hold: the record as its worker wrote it, mostly without its body. */
export const RECORD: Column = { name: 'record', type: 'text', isRequired: false };

/** The columns of a table of records, in order. The first three are its key. */
export const COLUMNS: readonly Column[] = [...VALUES, RECORD];

export const KEY = ['batch', 'index', 'page'];

/** The columns as a list in SQL. */
export const COLUMN_LIST = COLUMNS.map(({ name }) => `"${name}"`).join(', ');

/** An object that has its keys from the beginning is several times as fast. */
export const NOTHING: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  COLUMNS.map(({ name }) => [name, undefined]),
);

/** What a row has in each column. @throws FieldValueError if the row is no record */
export function textsOf(row: Row): RecordTexts {
  const texts: Record<string, string | undefined> = { ...NOTHING };
  for (const { name, value } of VALUES) {
    texts[name] = value(row);
  }
  texts['record'] = keptRecord(texts, { head: row.headText, body: row.body?.text });
  return texts;
}

/** A row that no function of the database can fail for: all but its key facts is in `record`. */
export function plainTexts(row: Row): RecordTexts {
  const { headText: head, body: json } = row;
  const texts = { ...textsOf(row), record: lineOf({ head, body: json?.text }), params: '{}' };
  return {
    ...texts,
    headers: undefined,
    body: undefined,
    body_text: undefined,
    body_bytes: undefined,
  };
}

function column(name: string, type: string, value: ValueColumn['value']): ValueColumn {
  return { name, type, isRequired: true, value };
}

function body(name: string, type: string, value: ValueColumn['value']): ValueColumn {
  return { name, type, isRequired: false, value };
}

function recordColumn(field: Field): ValueColumn {
  const name = NAMES[field.name] ?? field.name;
  const isTime = field.kind === 'time';
  const read = readerOf(field);
  return {
    name,
    type: TYPES[field.kind],
    isRequired: field.isRequired === true,
    value: (row) => {
      const value = read(row);
      return value !== undefined && isTime ? isoTime(Number(value)) : textOf(value);
    },
  };
}

let lastMs = Number.NaN;
let lastIso = '';

/** Records that come together began at nearly the same time. */
function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastIso = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastIso;
}

/** No text of PostgreSQL can hold a NUL or half a pair of surrogates. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') {
    return value.replaceAll('\u0000', '\ufffd').toWellFormed();
  }
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

function jsonOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function plainText({ bodyText }: Row): string | undefined {
  return bodyText?.includes('\u0000') === true ? undefined : bodyText?.toWellFormed();
}

/** Bodies that are no text; and texts with a NUL, of which nothing is lost as bytes. */
function base64Of({ head: { bodyEncoding }, bodyText: text }: Row): string | undefined {
  if (text === undefined || (bodyEncoding === 'text' && !text.includes('\u0000'))) {
    return undefined;
  }
  return Buffer.from(text, bodyEncoding === 'base64' ? 'base64' : 'utf8').toString('base64');
}
