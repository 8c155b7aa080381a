import { splitBody } from '../folder/record-line.ts';
import {
  type ColumnOptions,
  csvLine,
  PAGE_COLUMNS,
  RECORD_COLUMNS,
  type ToCell,
} from './csv-columns.ts';

/** A parsed record without its body. Edited lines can lack any field but the index. */
export interface RecordHead {
  readonly index: number;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
  readonly charset?: unknown;
  readonly bodyEncoding?: unknown;
  readonly [field: string]: unknown;
}

/**
 * Converts a line (without its newline) to a CSV row by parsing it. Embedded JSON keeps its text.
 *
 * @param toCell @default values are not changed
 * @returns undefined if the line is not JSON
 */
export function parsedRow(
  line: Buffer,
  { params, hasPages, headers }: ColumnOptions,
  toCell?: ToCell,
): string | undefined {
  const { head: text, body: bytes } = splitBody(line);
  try {
    const body = bytes?.toString();
    const head = parseHead(text);
    const { params: values, headers: kept, error, charset, bodyEncoding } = head;
    const keptCells = headers === 'all' ? [kept] : (headers ?? []).map((name) => kept?.[name]);
    const cells = [
      head.index,
      ...(hasPages ? PAGE_COLUMNS : []).map(({ field }) => head[field]),
      ...params.map((param) => values?.[param]),
      ...RECORD_COLUMNS.map(({ field }) => head[field]),
      ...keptCells,
      error?.code,
      error?.message,
      charset,
      bodyEncoding,
      bodyEncoding === undefined || body === undefined ? body : JSON.parse(body),
    ];
    return csvLine(cells, toCell);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

/** The parameter names in a record, for batches without a manifest. Empty if it is not JSON. */
export function paramsOf(line: Buffer): string[] {
  try {
    return Object.keys(parseHead(splitBody(line).head).params ?? {});
  } catch (error) {
    // `parsedRow` counts the damaged line later.
    if (error instanceof SyntaxError) {
      return [];
    }
    throw error;
  }
}

export function parseHead(text: string): RecordHead {
  const head: unknown = JSON.parse(text);
  if (!isHead(head)) {
    throw new SyntaxError('the line is not a record');
  }
  return head;
}

/** The scan found an index in the line; no other field is certain. */
function isHead(value: unknown): value is RecordHead {
  return typeof value === 'object' && value !== null && 'index' in value;
}
