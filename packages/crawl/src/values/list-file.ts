import type { ListFile } from '../model/parameter-source.ts';
import { readCsv } from './csv-list.ts';
import { trimInvisible } from './invisible.ts';
import { type ReadOptions, type Row, RowReader, rulesOf } from './list-row.ts';
import { readNdjson } from './ndjson-list.ts';
import { readLines } from './text-lines.ts';

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

/**
 * Streams the rows of a list file in chunks, in constant memory. Calls `onProblem` for rows without
 * valid values.
 *
 * @throws InputError if the whole file is unusable
 */
export function readListFile(file: ListFile, options: ReadOptions): AsyncGenerator<Row[]> {
  if (file.format === 'txt') {
    return readTxt(file, options);
  }
  return file.format === 'csv' ? readCsv(file, options) : readNdjson(file, options);
}

async function* readTxt(file: ListFile, options: ReadOptions): AsyncGenerator<Row[]> {
  const { comment } = rulesOf(file);
  const rows = new RowReader(file, options);
  let line = 0;
  for await (const lines of readLines(file, options.signal)) {
    const values: Row[] = [];
    for (const text of lines) {
      line++;
      if (comment !== undefined && trimInvisible(text).startsWith(comment)) {
        continue;
      }
      const row = rows.read([text], line);
      if (row !== undefined) {
        values.push(row);
      }
    }
    yield values;
  }
}
