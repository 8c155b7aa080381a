import { finished, Readable } from 'node:stream';
import { type CsvError, type Options, parse } from 'csv-parse';
import { InputError } from '../model/input-error.ts';
import { columnsOf, type ListFile } from '../model/parameter-source.ts';
import { suggestion } from '../model/suggestion.ts';
import { trimInvisible } from './invisible.ts';
import { isFromVersion01, type ReadOptions, type Row, RowReader, rulesOf } from './list-row.ts';
import { readText } from './text-lines.ts';

const MAX_ROW_LENGTH = 1_048_576;
const CHUNK = 1000;
/** What spreadsheets write between cells, besides the comma. */
const DELIMITERS = [';', '\t', '|', ','];

interface Header {
  readonly columns: number;
  /** Positions of the columns with the values. */
  readonly at: readonly number[];
}

/** Blank lines are skipped, also those of blanks only. */
export async function* readCsv(file: ListFile, options: ReadOptions): AsyncGenerator<Row[]> {
  const { onProblem, signal } = options;
  const { trim } = rulesOf(file);
  const rows = new RowReader(file, options);
  let header: Header | undefined;
  const parser = parse({
    ...dialectOf(file),
    on_skip: (error) => {
      // After a misplaced quote it is unknown where the next row begins.
      const message = `the row is malformed: ${error?.message ?? 'unknown reason'}`;
      throw new InputError([{ file: file.path, line: lineOf(error), message }], { cause: error });
    },
    on_record: (record: readonly string[], { lines }) => {
      if (isBlankLine(record, { header, isTrimmed: trim })) {
        return null;
      }
      if (header === undefined) {
        header = readHeader(record, file, lines);
        return null;
      }
      if (record.length !== header.columns) {
        onProblem(lines, 'the row has a different number of columns than the first line');
        return null;
      }
      const cells = header.at.map((at) => record[at] ?? '');
      return rows.read(cells, lines) ?? null;
    },
  });
  const input = Readable.from(readText(file, signal), { highWaterMark: 1 });
  // pipe() does not forward errors, and pipeline() would report those of the loop below twice.
  const unwatch = finished(input, { writable: false }, (error) => {
    if (error) {
      parser.destroy(error);
    }
  });
  input.pipe(parser);
  try {
    yield* inChunks(parser);
    if (header === undefined) {
      throw headerError(file, 1, ['the file has no header line with column names']);
    }
  } finally {
    unwatch();
    input.destroy();
    parser.destroy();
  }
}

function dialectOf(file: ListFile): Options {
  const { trim, comment, delimiter } = rulesOf(file);
  return {
    bom: true,
    skip_empty_lines: true,
    // Go on after a row of another length, so the problems of the next rows are reported too.
    relax_column_count: true,
    skip_records_with_error: true,
    // Otherwise a quote without an end loads the whole file into memory.
    max_record_size: MAX_ROW_LENGTH,
    // Blanks around quotes. Those of values are removed later.
    trim,
    ...(!isFromVersion01(file) && { record_delimiter: ['\r\n', '\n', '\r'] }),
    ...(delimiter !== undefined && { delimiter }),
    ...(comment !== undefined && { comment, comment_no_infix: true }),
  };
}

interface LineContext {
  readonly header: Header | undefined;
  readonly isTrimmed: boolean;
}

/** Lines without any character, or with blanks that it knows, are skipped by the parser itself. */
function isBlankLine(record: readonly string[], { header, isTrimmed }: LineContext): boolean {
  const [only = ''] = record;
  // Blanks in a file of one column are a value if they are not trimmed.
  const mayBeBlank = record.length === 1 && (isTrimmed || header?.columns !== 1);
  return mayBeBlank && only !== '' && trimInvisible(only) === '';
}

async function* inChunks(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let chunk: Row[] = [];
  for await (const row of rows) {
    chunk.push(row);
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

function readHeader(record: readonly string[], file: ListFile, line: number): Header {
  const names = rulesOf(file).trim ? record.map(trimInvisible) : record;
  const found = columnsOf(file).map(({ column = '' }) => ({ column, at: names.indexOf(column) }));
  const problems = found.flatMap(({ column, at }) => {
    if (at === -1) {
      return [`there is no column "${column}"${hintOf(column, names)}`];
    }
    return names.includes(column, at + 1) ? [`there are two columns "${column}"`] : [];
  });
  if (problems.length > 0) {
    throw headerError(file, line, problems);
  }
  return { columns: record.length, at: found.map(({ at }) => at) };
}

function hintOf(column: string, names: readonly string[]): string {
  const line = names.join();
  const delimiter = DELIMITERS.find((one) =>
    line.split(one).some((name) => trimInvisible(name) === column),
  );
  if (delimiter !== undefined) {
    return `; if the columns are separated so, add delimiter: ${JSON.stringify(delimiter)}`;
  }
  return suggestion(column, names) || `; columns: ${names.join(', ').slice(0, 200)}`;
}

function headerError(file: ListFile, line: number, messages: readonly string[]): InputError {
  return new InputError(messages.map((message) => ({ file: file.path, line, message })));
}

function lineOf(error: CsvError | undefined): number {
  const lines: unknown = error?.['lines'];
  return typeof lines === 'number' ? lines : 0;
}
