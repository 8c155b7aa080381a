import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { reasonOfFileError, refuseNamedPipe, TemporaryFolder } from '@fetchfleet/crawl';
import { MISSING_KEY } from '@fetchfleet/results';
import { explainResults } from '../../batch/explain-results.ts';
import type { Context } from '../../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../../core/errors.ts';
import { formatNamed, writeOutputFile } from '../../core/output-file.ts';
import { readPlaces, readUmask } from '../../core/settings.ts';
import { warnOfMissingBodies } from '../../report/missing-bodies.ts';
import { warnOfSkippedParts } from '../../report/skipped-parts.ts';
import { outputWidth, textTable } from '../../report/text-table.ts';
import { countOf, formatCount } from '../../report/units.ts';
import { openPlaces } from '../../results/open-place.ts';
import { BINARY } from '../export/options.ts';
import { type Database, explainSql, openDatabase, quoted } from './duckdb.ts';
import { FiniteNumbers } from './finite-numbers.ts';
import { makeTable, type Table } from './make-table.ts';

const FILE_FORMATS = ['csv', 'json', 'parquet'] as const;
type Format = 'table' | (typeof FILE_FORMATS)[number];

export interface QueryOptions {
  /** A file with the statement. */
  readonly sql?: string;
  /** @default as the name of the file says, or a table */
  readonly format?: Format;
  /** A file; `-` is stdout. */
  readonly output: string;
  readonly results?: readonly string[];
  readonly umask?: string;
  readonly json?: boolean;
}

/** Rows of a table for people. Files have all. */
const TABLE_ROWS = 1_000;

const COPY_OPTIONS = {
  csv: 'FORMAT csv, HEADER true',
  json: 'FORMAT json, ARRAY true',
  parquet: 'FORMAT parquet, COMPRESSION zstd',
} as const;

/** `fetchfleet query BATCH "select …"`: asks SQL about the records of a batch. Needs no Redis. */
export async function query(
  [batch, statement]: readonly [batch: string, statement: string | undefined],
  options: QueryOptions,
  context: Context,
): Promise<ExitCode> {
  const sql = await readStatement(statement, options, context);
  // The document of a query is its result.
  const named = options.format ?? formatNamed(options.output, FILE_FORMATS) ?? 'table';
  const format = options.json === true ? 'json' : named;
  if (format === 'table' && options.output !== '-') {
    throw new CommandError(
      'a table is for people: add --format csv, json or parquet, or let the file end so',
      {
        code: 'INPUT_INVALID',
      },
    );
  }
  if (format === 'parquet' && options.output === '-' && context.terminal.stdout.isTTY === true) {
    throw new CommandError(BINARY, { code: 'INPUT_INVALID' });
  }
  const places = await openPlaces(readPlaces(options.results, context), context);
  process.umask(readUmask(options, context));
  const { drain } = context.interrupts.takeOver();
  await using folder = await TemporaryFolder.create('query');
  const scratch = folder.path;
  try {
    const source = { places, batch, needsBodies: true, scratch, signal: drain };
    const table = await makeTable(source, context);
    const database = await openDatabase({ table: table.path, scratch });
    const interrupt = (): void => database.connection.interrupt();
    drain.addEventListener('abort', interrupt);
    try {
      drain.throwIfAborted();
      await answer({ database, sql, format, output: options.output, scratch, context });
      return await conclude({ database, table, context });
    } finally {
      drain.removeEventListener('abort', interrupt);
      database.close();
    }
  } catch (error) {
    drain.throwIfAborted();
    throw await explainResults(error, batch, places);
  }
}

async function readStatement(
  statement: string | undefined,
  { sql }: QueryOptions,
  { cwd }: Context,
): Promise<string> {
  if ((statement === undefined) === (sql === undefined)) {
    throw new CommandError('give one statement: in quotes behind the batch, or with --sql FILE', {
      code: 'INPUT_INVALID',
    });
  }
  const text =
    sql === undefined
      ? statement
      : await readSql(resolve(cwd, sql)).catch((cause: unknown) => {
          throw new CommandError(`${sql} cannot be read: ${reasonOfFileError(cause)}`, {
            code: 'INPUT_INVALID',
            cause,
          });
        });
  return (text ?? '').replace(/[\s;]+$/u, '');
}

async function readSql(path: string): Promise<string> {
  refuseNamedPipe(path);
  return readFile(path, 'utf8');
}

interface Asking {
  readonly database: Database;
  readonly sql: string;
  readonly format: Format;
  readonly output: string;
  readonly scratch: string;
  readonly context: Context;
}

async function answer(asking: Asking): Promise<void> {
  const { database, sql, format, output, scratch, context } = asking;
  await assertSingle(database, sql);
  if (format === 'table') {
    await printTable(asking);
    return;
  }
  const file = join(scratch, 'answer');
  const copy = `COPY (SELECT * FROM (${sql}\n)) TO ${quoted(file)} (${COPY_OPTIONS[format]})`;
  await ask(async () => database.connection.run(copy));
  const write = async (out: Writable): Promise<void> =>
    format === 'json'
      ? pipeline(createReadStream(file), new FiniteNumbers(), out, { end: false })
      : pipeline(createReadStream(file), out, { end: false });
  await (output === '-' ? write(context.terminal.stdout) : writeOutputFile(output, write, context));
}

/** Only one can be copied to a file, and several would be hard to tell apart. */
async function assertSingle({ connection }: Database, sql: string): Promise<void> {
  const { count } =
    sql === '' ? { count: 0 } : await ask(async () => connection.extractStatements(sql));
  if (count !== 1) {
    throw new CommandError(`a query is one statement, and these are ${count}`, {
      code: 'INPUT_INVALID',
    });
  }
}

async function printTable({ database, sql, context }: Asking): Promise<void> {
  const { terminal } = context;
  const reader = await ask(async () => database.connection.streamAndReadUntil(sql, TABLE_ROWS + 1));
  const rows = reader
    .getRows()
    .map((row) => row.map((value) => (value === null ? '' : String(value))));
  const columns = reader.deduplicatedColumnNames().map((title, at) => ({
    title,
    ...(isNumber(reader.columnType(at).toString()) && { align: 'right' as const }),
  }));
  terminal.print(...textTable(columns, rows.slice(0, TABLE_ROWS), outputWidth(terminal)));
  if (rows.length > TABLE_ROWS) {
    terminal.note(`These are the first ${formatCount(TABLE_ROWS)} rows; --format csv has all.`);
  }
}

function isNumber(type: string): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|DECIMAL)/u.test(type);
}

async function ask<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw explainSql(error);
  }
}

interface Answered {
  readonly database: Database;
  readonly table: Table;
  readonly context: Context;
}

/** @returns exit 1 if records are missing, or may be */
async function conclude({ database, table, context }: Answered): Promise<ExitCode> {
  const { terminal } = context;
  const { path, skippedParts } = table;
  warnOfSkippedParts(skippedParts, terminal);
  const missing = await readMissing(database, path);
  if (missing > 0) {
    terminal.warn(`no record is here yet of ${countOf(missing, 'fetch')} of the batch`);
  }
  const hasBodies = warnOfMissingBodies(table, terminal);
  return missing > 0 || skippedParts.length > 0 || !hasBodies ? EXIT.someFailed : EXIT.ok;
}

/** The fetches that were missing when the table was made; it is made anew when a part changes. */
async function readMissing({ connection }: Database, table: string): Promise<number> {
  const found = await connection.runAndReadAll(
    `SELECT decode(value) FROM parquet_kv_metadata(${quoted(table)})
     WHERE decode(key) = ${quoted(MISSING_KEY)}`,
  );
  return Number(found.getRows()[0]?.[0] ?? 0);
}
