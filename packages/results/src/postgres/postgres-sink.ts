import { once } from 'node:events';
import { toError } from '@fetchfleet/crawl';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { RowSink } from '../rows/export-rows.ts';
import type { Row } from '../rows/row.ts';
import { parseTableName, quotedName, shownAddress, type TableName } from './address.ts';
import { COLUMNS, copyLine, KEY } from './columns.ts';
import { DatabaseError, DatabaseUnfitError } from './errors.ts';
import { ensureTable } from './table.ts';

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. What it lacks is in PG variables. */
  readonly url: string;
  /** Name of the table, or of schema and table. */
  readonly table: string;
  /** @default 30 s */
  readonly connectTimeoutMs?: number;
}

/** What became of the records in the table. */
export interface PostgresCounts {
  readonly inserted: number;
  /** Records that took the place of worse ones. */
  readonly updated: number;
}

const CONNECT_TIMEOUT_MS = 30_000;
/** Rows and characters that one statement takes over from the temporary table. */
const MERGE_ROWS = 50_000;
const MERGE_CHARACTERS = 32 * 1_024 * 1_024;

/**
 * Writes records to a table of PostgreSQL, in one transaction: all of them, or none. Rows are
 * copied into a temporary table and taken over from there, where they are new or better than what
 * is there.
 *
 *     start() → write() … → end() → stop()
 */
export class PostgresSink implements RowSink {
  /** The address as it may be shown. */
  readonly address: string;
  readonly #client: Client;
  readonly #table: TableName;
  #rows = 0;
  #characters = 0;
  #inserted = 0;
  #updated = 0;
  #isStarted = false;
  #failure: Error | undefined;

  /** @throws DatabaseUnfitError if the address or the name of the table is none */
  constructor({ url, table, connectTimeoutMs = CONNECT_TIMEOUT_MS }: PostgresOptions) {
    this.address = shownAddress(url);
    this.#table = parseTableName(table);
    this.#client = clientFor(url, connectTimeoutMs);
    // A connection that ends between two statements must not end the process.
    this.#client.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  get counts(): PostgresCounts {
    return { inserted: this.#inserted, updated: this.#updated };
  }

  /** Connects and begins. @throws DatabaseError, DatabaseUnfitError */
  async start(): Promise<void> {
    await this.#explained('cannot be reached', async () => this.#client.connect());
    this.#isStarted = true;
    await this.#explained('refuses', async () => {
      const { rows } = await this.#client.query<{ encoding: string }>(
        "SELECT current_setting('server_encoding') AS encoding",
      );
      const encoding = rows[0]?.encoding ?? '';
      if (encoding !== 'UTF8') {
        throw new DatabaseUnfitError(
          `the database ${this.address} has the encoding ${encoding}, and records need UTF8`,
        );
      }
      await this.#client.query('BEGIN');
      await ensureTable(this.#client, this.#table);
      await this.#client.query(
        `CREATE TEMPORARY TABLE fetchfleet_incoming ON COMMIT DROP AS
         SELECT ${NAMES} FROM ${quotedName(this.#table)} WITH NO DATA`,
      );
    });
  }

  async write(rows: readonly Row[]): Promise<void> {
    const text = rows.map(copyLine).join('');
    await this.#explained('refuses', async () => {
      await this.#copy(text);
      this.#rows += rows.length;
      this.#characters += text.length;
      if (this.#rows >= MERGE_ROWS || this.#characters >= MERGE_CHARACTERS) {
        await this.#merge();
      }
    });
  }

  async end(): Promise<void> {
    await this.#explained('refuses', async () => {
      await this.#merge();
      await this.#client.query('COMMIT');
    });
  }

  /** Ends the connection. What is not committed is gone. */
  async stop(): Promise<void> {
    if (this.#isStarted) {
      this.#isStarted = false;
      // A connection that is broken already has nothing to say.
      await this.#client.end().catch(() => undefined);
    }
  }

  async #copy(text: string): Promise<void> {
    if (text === '') {
      return;
    }
    const stream = this.#client.query(
      copyFrom(`COPY pg_temp.fetchfleet_incoming (${NAMES}) FROM STDIN`),
    );
    const finished = once(stream, 'finish');
    stream.end(text);
    await finished;
  }

  async #merge(): Promise<void> {
    if (this.#rows === 0) {
      return;
    }
    const { rows } = await this.#client.query<{ inserted: string; updated: string }>(
      mergeStatement(this.#table),
    );
    this.#inserted += Number(rows[0]?.inserted ?? 0);
    this.#updated += Number(rows[0]?.updated ?? 0);
    await this.#client.query('TRUNCATE pg_temp.fetchfleet_incoming');
    this.#rows = 0;
    this.#characters = 0;
  }

  /** Runs something. Its errors name the database, and none of them shows the password. */
  async #explained<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof DatabaseUnfitError || isAboutValue(error)) {
        throw error;
      }
      // The first error says why the connection ended; later ones only that it did.
      const cause = this.#failure ?? toError(error);
      throw new DatabaseError(`the database ${this.address} ${what}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }
}

const NAMES = COLUMNS.map(({ name }) => `"${name}"`).join(', ');

/** A success is better than a failure; with the same outcome, the later start is better. */
function mergeStatement(table: TableName): string {
  const key = KEY.map((name) => `"${name}"`).join(', ');
  const changes = COLUMNS.filter(({ name }) => !KEY.includes(name))
    .map(({ name }) => `"${name}" = excluded."${name}"`)
    .join(', ');
  return `
    WITH merged AS (
      INSERT INTO ${quotedName(table)} AS present (${NAMES})
      SELECT ${NAMES} FROM pg_temp.fetchfleet_incoming
      ON CONFLICT (${key}) DO UPDATE SET ${changes}
      WHERE (excluded.outcome = 'ok' AND present.outcome <> 'ok')
         OR ((excluded.outcome = 'ok') = (present.outcome = 'ok')
             AND excluded.started_at > present.started_at)
      RETURNING xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) AS inserted,
           count(*) FILTER (WHERE NOT is_new) AS updated
    FROM merged`;
}

function clientFor(url: string, connectionTimeoutMillis: number): Client {
  try {
    return new Client({
      connectionString: url,
      connectionTimeoutMillis,
      application_name: 'fetchfleet',
      client_encoding: 'UTF8',
    });
  } catch {
    // Its message may quote the address.
    throw new DatabaseUnfitError('the parameters of the address of the database are not valid');
  }
}

function isAboutValue(error: unknown): boolean {
  return error instanceof Error && error.name === 'FieldValueError';
}

/** A name that resolves to several addresses fails with one error for each. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return first === undefined ? error.message : toError(first).message;
}
