import type { DuckDBConnection } from '@duckdb/node-api';
import { codeOf, toError } from '@fetchfleet/crawl';
import { CommandError } from '../../core/errors.ts';

/** A query, and what it reads. */
export interface Database {
  readonly connection: DuckDBConnection;
  close(): void;
}

interface OpenOptions {
  /** Path of the table `records`. */
  readonly table: string;
  /** A folder for what does not fit into memory. */
  readonly scratch: string;
}

/**
 * Opens a database in memory with the view `records`.
 *
 * @throws CommandError (exit 2) if DuckDB is not installed
 */
export async function openDatabase({ table, scratch }: OpenOptions): Promise<Database> {
  const { DuckDBInstance } = await loadDuckDb();
  const instance = await DuckDBInstance.create(':memory:', {
    temp_directory: scratch,
    // A query must not download and run code that it happens to name.
    autoinstall_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run(`CREATE VIEW records AS SELECT * FROM read_parquet(${quoted(table)})`);
  return {
    connection,
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** DuckDB has 70 MB, so who wants queries installs it. */
async function loadDuckDb() {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    const reason =
      codeOf(cause) === 'ERR_MODULE_NOT_FOUND'
        ? 'query needs DuckDB: npm install @duckdb/node-api'
        : `DuckDB cannot be loaded: ${toError(cause).message}`;
    throw new CommandError(reason, { code: 'DUCKDB_MISSING', cause });
  }
}

/** A text in SQL. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The error to show for one of DuckDB: what it says before it quotes the statement. */
export function explainSql(error: unknown): CommandError {
  const cause = toError(error);
  const [message = ''] = cause.message.split('\n\nLINE ');
  const text = message.replace(/^Failed to extract statements: /u, '').replaceAll('\n', ' ');
  return new CommandError(text, { code: 'INPUT_INVALID', cause });
}
