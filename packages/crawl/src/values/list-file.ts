import { finished, Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { InputError } from '../model/input-error.ts';
import type { ParameterSource } from '../model/plan.ts';
import { suggestion } from '../model/suggestion.ts';
import { readLines, readUtf8 } from './text-lines.ts';

export type ListFile = Extract<ParameterSource, { kind: 'file' }>;

/** A list in Redis: `stored:SCHEDULE/SHA256/ids.csv`. A crawl file cannot name one. */
const STORED = 'stored:';
const REMOTE = /^(?:https?:\/\/|stored:)/i;

/** Whether a list must be copied to this machine before it can be read. */
export function isRemoteList(path: string): boolean {
  return REMOTE.test(path);
}

/** Whether a list is stored with a schedule in Redis, not at a URL. */
export function isStoredList(path: string): boolean {
  return path.startsWith(STORED);
}

/** Called for every row without a valid value. It may throw to stop the reading. */
export type RowProblem = (line: number, message: string) => void;

/** A slice packs 50 values: longer ones would make jobs too large for Redis. */
const MAX_VALUE_LENGTH = 8192;
const MAX_ROW_LENGTH = 1_048_576;
const CHUNK = 1000;

interface ReadOptions {
  readonly onProblem: RowProblem;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Streams the values of a list file in chunks, in constant memory. Calls `onProblem` for rows
 * without a valid value.
 *
 * @throws InputError if the whole file is unusable
 */
export function readListFile(file: ListFile, options: ReadOptions): AsyncGenerator<string[]> {
  if (file.format === 'txt') {
    return readTxt(file, options);
  }
  return file.format === 'csv' ? readCsv(file, options) : readNdjson(file, options);
}

async function* readTxt(file: ListFile, options: ReadOptions): AsyncGenerator<string[]> {
  let line = 0;
  for await (const lines of readLines(file.path, options.signal)) {
    yield lines.filter((value) => isUsable(value, ++line, options));
  }
}

/** Ignores blank lines, as the NDJSON specification allows. */
async function* readNdjson(file: ListFile, options: ReadOptions): AsyncGenerator<string[]> {
  const key = file.column ?? '';
  let line = 0;
  for await (const lines of readLines(file.path, options.signal)) {
    const values: string[] = [];
    for (const text of lines) {
      line++;
      if (text.trim() === '') {
        continue;
      }
      const value = valueOfRow(text, { key, line, options });
      if (value !== undefined && isUsable(value, line, options)) {
        values.push(value);
      }
    }
    yield values;
  }
}

async function* readCsv(file: ListFile, options: ReadOptions): AsyncGenerator<string[]> {
  const { onProblem, signal } = options;
  let column = -1;
  const parser = parse({
    bom: true,
    skip_empty_lines: true,
    // Go on after a short row, so the problems of the next rows are reported too.
    skip_records_with_error: true,
    on_skip: (error) => {
      if (error?.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') {
        onProblem(lineOf(error), 'the row has a different number of columns than the first line');
        return undefined;
      }
      // After a misplaced quote it is unknown where the next row begins.
      const message = `the row is malformed: ${error?.message ?? 'unknown reason'}`;
      throw new InputError([{ file: file.path, line: lineOf(error), message }], { cause: error });
    },
    // Otherwise a quote without an end loads the whole file into memory.
    max_record_size: MAX_ROW_LENGTH,
    on_record: (record: readonly string[], { lines }) => {
      if (column === -1) {
        column = findColumn(record, file);
        return null;
      }
      const value = record[column] ?? '';
      // An array, because the stream of the parser treats an empty text as its end.
      return isUsable(value, lines, options) ? [value] : null;
    },
  });
  const input = Readable.from(readUtf8(file.path, signal), { highWaterMark: 1 });
  // pipe() does not forward errors, and pipeline() would report those of the loop below twice.
  const unwatch = finished(input, { writable: false }, (error) => {
    if (error) {
      parser.destroy(error);
    }
  });
  input.pipe(parser);
  try {
    yield* inChunks(parser);
    if (column === -1) {
      throw headerError(file, 'the file has no header line with column names');
    }
  } finally {
    unwatch();
    input.destroy();
    parser.destroy();
  }
}

async function* inChunks(rows: AsyncIterable<unknown>): AsyncGenerator<string[]> {
  let chunk: string[] = [];
  for await (const row of rows) {
    const value: unknown = Array.isArray(row) ? row[0] : undefined;
    if (typeof value === 'string') {
      chunk.push(value);
    }
    if (chunk.length < CHUNK) {
      continue;
    }
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) {
    yield chunk;
  }
}

function findColumn(header: readonly string[], file: ListFile): number {
  const column = file.column ?? '';
  const at = header.indexOf(column);
  if (at === -1) {
    const hint = suggestion(column, header) || `; columns: ${header.join(', ').slice(0, 200)}`;
    throw headerError(file, `there is no column "${column}"${hint}`);
  }
  if (header.indexOf(column, at + 1) === -1) {
    return at;
  }
  throw headerError(file, `there are two columns "${column}"`);
}

function headerError(file: ListFile, message: string): InputError {
  return new InputError([{ file: file.path, line: 1, message }]);
}

interface RowPlace {
  readonly key: string;
  readonly line: number;
  readonly options: ReadOptions;
}

function valueOfRow(text: string, { key, line, options }: RowPlace): string | undefined {
  const row = parseJson(text);
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    options.onProblem(line, 'the line is not a JSON object');
    return undefined;
  }
  const fields = new Map<string, unknown>(Object.entries(row));
  const value = fields.get(key);
  if (typeof value === 'string') {
    return value;
  }
  if (typeof value === 'number') {
    return digitsOf(text, key) ?? String(value);
  }
  if (typeof value === 'boolean') {
    return String(value);
  }
  const hint = fields.has(key) ? '' : suggestion(key, [...fields.keys()]);
  const what = fields.has(key)
    ? `"${key}" is neither a text nor a number`
    : `there is no key "${key}"`;
  options.onProblem(line, what + hint);
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller reports that it is not a JSON object.
    return undefined;
  }
}

type Reviver = (
  this: unknown,
  key: string,
  value: unknown,
  context?: { source?: string },
) => unknown;

/**
 * The digits of a number in the outermost object: 12345678901234567890 and 1.10 stay as written.
 */
function digitsOf(text: string, key: string): string | undefined {
  const found: { holder: unknown; source: string | undefined }[] = [];
  let root: unknown;
  const reviver: Reviver = function reviver(name, value, context) {
    if (name === key) {
      found.push({ holder: this, source: context?.source });
    }
    // The last call is for a wrapper, whose only entry is the outermost value.
    if (name === '') {
      root = value;
    }
    return value;
  };
  JSON.parse(text, reviver);
  return found.findLast(({ holder }) => holder === root)?.source;
}

function isUsable(value: string, line: number, { onProblem }: ReadOptions): boolean {
  if (value === '') {
    onProblem(line, 'the value is empty');
  } else if (value.length > MAX_VALUE_LENGTH) {
    onProblem(line, `the value is longer than ${MAX_VALUE_LENGTH} characters`);
  } else {
    return true;
  }
  return false;
}

function lineOf(error: CsvError | undefined): number {
  const lines: unknown = error?.['lines'];
  return typeof lines === 'number' ? lines : 0;
}
