import { type Field, type FieldKind, fieldsOf } from '../rows/fields.ts';
import type { Row } from '../rows/row.ts';
import { readerOf } from '../rows/typed-value.ts';

/** A column of the table. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** As PostgreSQL reads it in a COPY, before it is escaped; undefined is NULL. */
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

/** The columns of a table of records, in order. The first three are its key. */
export const COLUMNS: readonly Column[] = [
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
  body('body_bytes', 'bytea', bytesOf),
];

export const KEY = ['batch', 'index', 'page'];

function column(name: string, type: string, value: Column['value']): Column {
  return { name, type, isRequired: true, value };
}

function body(name: string, type: string, value: Column['value']): Column {
  return { name, type, isRequired: false, value };
}

function recordColumn(field: Field): Column {
  const name = NAMES[field.name] ?? field.name;
  const isTime = field.kind === 'time';
  const read = readerOf(field);
  return {
    name,
    type: TYPES[field.kind],
    isRequired: field.isRequired === true,
    value: (row) => {
      const value = read(row);
      // A number of milliseconds by now; PostgreSQL reads ISO 8601.
      const iso = value !== undefined && isTime ? field.value(row) : undefined;
      return textOf(iso ?? value);
    },
  };
}

/** No text of PostgreSQL can hold a NUL. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') {
    return value.replaceAll('\u0000', '\ufffd');
  }
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

function jsonOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function plainText({ bodyText }: Row): string | undefined {
  return bodyText?.includes('\u0000') === true ? undefined : bodyText;
}

/** Bodies that are no text; and texts with a NUL, of which nothing is lost as bytes. */
function bytesOf({ head: { bodyEncoding }, bodyText: text }: Row): string | undefined {
  if (text === undefined || (bodyEncoding === 'text' && !text.includes('\u0000'))) {
    return undefined;
  }
  const bytes = Buffer.from(text, bodyEncoding === 'base64' ? 'base64' : 'utf8');
  return `\\x${bytes.toString('hex')}`;
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A line of `COPY … FROM STDIN` in its text format. */
export function copyLine(row: Row): string {
  let line = '';
  for (const [at, { value }] of COLUMNS.entries()) {
    const text = value(row);
    line += at === 0 ? '' : '\t';
    line += text === undefined ? '\\N' : escaped(text);
  }
  return `${line}\n`;
}

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replaceAll(/[\\\n\r\t]/g, (one) => ESCAPES[one] ?? one) : text;
}
