import { PAGE_COLUMNS, RECORD_COLUMNS, type RecordColumn } from './csv-columns.ts';

/** A value in a line, and what stands around it. */
export interface LineField {
  /** As a path into the record: `params.country`, `error.code`. */
  readonly name: string;
  readonly kind: 'string' | 'number' | 'object';
  readonly isOptional: boolean;
  /** The bytes before the value, with the opening quote of a string. */
  readonly before: Buffer;
  /** The bytes after the value, and after the closing quote of a string. */
  readonly after: Buffer;
}

const NOTHING = Buffer.alloc(0);

export interface LayoutOptions {
  readonly params: readonly string[];
  readonly hasPages: boolean;
}

/** The fields between index and body that have columns in CSV, in the order of the record. */
export function lineLayout({ params, hasPages }: LayoutOptions): LineField[] {
  const last = params.length - 1;
  return [
    ...(hasPages ? PAGE_COLUMNS : []).map((column) => fieldOf(column)),
    ...params.map((name, at) =>
      string(`params.${name}`, `${at === 0 ? ',"params":{' : ','}${JSON.stringify(name)}:`, {
        after: at === last ? '}' : '',
      }),
    ),
    ...RECORD_COLUMNS.flatMap((column, at) => {
      const field = fieldOf(column, at === 0 && params.length === 0 ? ',"params":{}' : '');
      return column.field === 'url' ? [field, METHOD] : field;
    }),
    string('error.code', ',"error":{"code":', { isOptional: true }),
    string('error.message', ',"message":', { isOptional: true, after: '}' }),
    string('charset', ',"charset":', { isOptional: true }),
  ];
}

/** The bytes between the fields and the body. */
export const BODY_ENCODING = Buffer.from(',"bodyEncoding":"');
export const BODY = Buffer.from(',"body":');

function fieldOf({ field, kind, isOptional }: RecordColumn, before = ''): LineField {
  const key = `${before},"${field}":`;
  return kind === 'string'
    ? string(field, key, { isOptional })
    : { name: field, kind, isOptional, before: Buffer.from(key), after: NOTHING };
}

interface Shape {
  /** @default false */
  readonly isOptional?: boolean;
  /** @default '' */
  readonly after?: string;
}

function string(
  name: string,
  key: string,
  { isOptional = false, after = '' }: Shape = {},
): LineField {
  const [opening, closing] = [Buffer.from(`${key}"`), Buffer.from(after)];
  return { name, kind: 'string', isOptional, before: opening, after: closing };
}

/** All records of a batch have the same; it has no column in CSV. */
const METHOD: LineField = string('method', ',"method":', { isOptional: true });
