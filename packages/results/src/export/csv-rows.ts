import type { FetchRecord } from '@fetchfleet/crawl';
import { csvLine } from './csv-line.ts';
import { splitBody } from '../folder/record-line.ts';

const FIXED = [
  'url',
  'outcome',
  'status',
  'attempts',
  'startedAt',
  'durationMs',
  'bytes',
  'contentType',
  'worker',
] as const satisfies readonly (keyof FetchRecord)[];
const ERROR_AND_BODY = ['error.code', 'error.message', 'bodyEncoding', 'body'] as const;

/** The head of a record, as parsed: anything may be missing from a line that somebody edited. */
interface Head {
  readonly index: number;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
  readonly bodyEncoding?: unknown;
  readonly [field: string]: unknown;
}

/**
 * Turns records into CSV (RFC 4180 quoting, rows end in a line feed): index, one column per parameter, the
 * fields of the record, the body. Embedded JSON is put out as the text it came as.
 *
 * Values stand as they are. A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula:
 * import the columns as text where origins are not trusted.
 */
export class CsvRows {
  readonly #params: readonly string[];

  constructor(params: readonly string[]) {
    this.#params = params;
  }

  header(): string {
    const names = new Set<string>(['index', ...FIXED, ...ERROR_AND_BODY]);
    const columns = this.#params.map((param) => {
      let name = param;
      while (names.has(name)) name = `param.${name}`;
      names.add(name);
      return name;
    });
    return csvLine(['index', ...columns, ...FIXED, ...ERROR_AND_BODY]);
  }

  /** The row of a line (without its newline); undefined if it turns out to be no JSON. */
  row(line: Buffer): string | undefined {
    const { head: text, body } = splitBody(line);
    try {
      const head = parseHead(text);
      const { params, error, bodyEncoding } = head;
      return csvLine([
        head.index,
        ...this.#params.map((param) => params?.[param]),
        ...FIXED.map((field) => head[field]),
        error?.code,
        error?.message,
        bodyEncoding,
        bodyEncoding === undefined || body === undefined ? body : JSON.parse(body),
      ]);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

/** Parameter names of a record, for a batch whose manifest is lost. */
export function paramsOf(line: Buffer): string[] {
  try {
    return Object.keys(parseHead(splitBody(line).head).params ?? {});
  } catch (error) {
    // The damaged line is counted when its row is made.
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function parseHead(text: string): Head {
  const head: unknown = JSON.parse(text);
  if (!isHead(head)) throw new SyntaxError('a line is no record');
  return head;
}

/** The lines come with an index; nothing else is taken for granted. */
function isHead(value: unknown): value is Head {
  return typeof value === 'object' && value !== null && 'index' in value;
}
