import type { FetchRecord } from '@fetchfleet/crawl';

export interface RecordColumn {
  readonly field: keyof FetchRecord;
  readonly kind: 'string' | 'number';
  /** Workers leave the field out if it has no value. */
  readonly isOptional: boolean;
}

/**
 * The columns of an export:
 *
 *     index, PAGE_COLUMNS if it has pages, one per parameter, RECORD_COLUMNS, one per kept header,
 *     LAST_COLUMNS
 *
 * Their order is that of the fields in a record, because `CopiedRow` copies values left to right.
 */
export const RECORD_COLUMNS: readonly RecordColumn[] = [
  { field: 'url', kind: 'string', isOptional: false },
  { field: 'outcome', kind: 'string', isOptional: false },
  { field: 'status', kind: 'number', isOptional: true },
  { field: 'attempts', kind: 'number', isOptional: false },
  { field: 'startedAt', kind: 'string', isOptional: false },
  { field: 'durationMs', kind: 'number', isOptional: false },
  { field: 'bytes', kind: 'number', isOptional: false },
  { field: 'contentType', kind: 'string', isOptional: true },
  { field: 'worker', kind: 'string', isOptional: false },
  { field: 'finalUrl', kind: 'string', isOptional: true },
];

/** Only where the first record has them: a batch without pages keeps its columns. */
export const PAGE_COLUMNS: readonly RecordColumn[] = [
  { field: 'page', kind: 'number', isOptional: true },
  { field: 'end', kind: 'string', isOptional: true },
];

export const LAST_COLUMNS = [
  'error.code',
  'error.message',
  'charset',
  'bodyEncoding',
  'body',
] as const;

/** What the columns of a batch depend on. */
export interface ColumnOptions {
  readonly params: readonly string[];
  readonly hasPages: boolean;
  /** Kept headers: a column for each, or one for all of them as JSON. */
  readonly headers: readonly string[] | 'all' | undefined;
}

/**
 * The header line. A parameter with the name of another column gets the prefix `param.`.
 *
 * @param toCell @default csvCell
 */
export function csvHeader({ params, hasPages, headers }: ColumnOptions, toCell?: ToCell): string {
  const first = ['index', ...(hasPages ? PAGE_COLUMNS.map(({ field }) => field) : [])];
  const fields = [...RECORD_COLUMNS.map(({ field }) => field), ...headerColumns(headers)];
  const names = new Set<string>([...first, ...fields, ...LAST_COLUMNS]);
  const columns = params.map((param) => {
    let name = param;
    while (names.has(name)) {
      name = `param.${name}`;
    }
    names.add(name);
    return name;
  });
  return csvLine([...first, ...columns, ...fields, ...LAST_COLUMNS], toCell);
}

/** Names of the columns of kept headers. */
export function headerColumns(headers: ColumnOptions['headers']): string[] {
  return headers === 'all' ? ['headers'] : (headers ?? []).map((name) => `headers.${name}`);
}

const NEEDS_QUOTES = /[",\r\n]/;

/** Writes one value. */
export type ToCell = (value: unknown) => string;

/**
 * One line of CSV with its line feed: RFC 4180 quoting, empty cells for null and undefined. Written
 * by hand, because a library for all dialects took two thirds of the time of an export.
 */
export function csvLine(cells: readonly unknown[], toCell: ToCell = csvCell): string {
  let line = '';
  for (let at = 0; at < cells.length; at += 1) {
    if (at > 0) {
      line += ',';
    }
    line += toCell(cells[at]);
  }
  return `${line}\n`;
}

function csvCell(value: unknown): string {
  const text = textOf(value);
  return NEEDS_QUOTES.test(text) ? quoted(text) : text;
}

/** What spreadsheets take for a formula, as OWASP lists it. The last four are full-width. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Writes a value that no spreadsheet takes for a formula: such text gets an apostrophe in front, as
 * OWASP advises. Numbers stay, also those in texts: `-12.5` is no more than a number. All texts
 * are quoted, because some spreadsheets end a cell at a semicolon or a tab.
 */
export function safeCell(value: unknown): string {
  const text = textOf(value);
  if (text === '' || NUMBER.test(text)) {
    return text;
  }
  return quoted(FORMULA.test(text) ? `'${text}` : text);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
