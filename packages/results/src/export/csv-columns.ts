import type { FetchRecord } from '@fetchfleet/crawl';

interface RecordColumn {
  readonly field: keyof FetchRecord;
  readonly kind: 'string' | 'number';
  /** Workers leave the field out if it has no value. */
  readonly isOptional: boolean;
}

/**
 * The columns of an export:
 *
 *     index, one per parameter, RECORD_COLUMNS, LAST_COLUMNS
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

const LAST_COLUMNS = ['error.code', 'error.message', 'charset', 'bodyEncoding', 'body'] as const;

/** The header line. A parameter with the name of another column gets the prefix `param.`. */
export function csvHeader(params: readonly string[]): string {
  const fields = RECORD_COLUMNS.map(({ field }) => field);
  const names = new Set<string>(['index', ...fields, ...LAST_COLUMNS]);
  const columns = params.map((param) => {
    let name = param;
    while (names.has(name)) {
      name = `param.${name}`;
    }
    names.add(name);
    return name;
  });
  return csvLine(['index', ...columns, ...fields, ...LAST_COLUMNS]);
}

const NEEDS_QUOTES = /[",\r\n]/;

/**
 * One line of CSV with its line feed: RFC 4180 quoting, empty cells for null and undefined. Written
 * by hand, because a library for all dialects took two thirds of the time of an export.
 */
export function csvLine(cells: readonly unknown[]): string {
  let line = '';
  for (let at = 0; at < cells.length; at += 1) {
    if (at > 0) {
      line += ',';
    }
    line += csvCell(cells[at]);
  }
  return `${line}\n`;
}

function csvCell(value: unknown): string {
  if (value === undefined || value === null) {
    return '';
  }
  if (typeof value === 'number') {
    return String(value);
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
