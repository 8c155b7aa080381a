import { once } from 'node:events';
import { toError } from '@fetchfleet/crawl';
import { Client, DatabaseError as ServerError } from 'pg';
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
 *
 * States: new → connecting (a stop breaks the connection off) → connected → stopped
 */
export class PostgresSink implements RowSink {
  /** The address as it may be shown. */
  readonly address: string;
  readonly #client: Client;
  readonly #table: TableName;
  #rows = 0;
  #characters = 0;
  /** Whether a row that waits is the last page of a fetch. */
  #hasEnds = false;
  #inserted = 0;
  #updated = 0;
  #state: 'new' | 'connecting' | 'connected' | 'stopped' = 'new';
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
    await this.#explained('cannot be reached', async () => {
      this.#become('connecting');
      await this.#client.connect();
      this.#become('connected');
    });
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
      this.#hasEnds ||= rows.some(({ head }) => head['end'] !== undefined);
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

  /** Ends the connection, or the attempt to connect. What is not committed is gone. */
  async stop(): Promise<void> {
    const state = this.#state;
    this.#state = 'stopped';
    if (state === 'connecting') {
      // The library would wait for the connection before it ends it.
      this.#client.connection.stream.destroy(new Error(STOPPED));
    } else if (state === 'connected') {
      // A connection that is broken already has nothing to say.
      await this.#client.end().catch(() => undefined);
    }
  }

  #become(state: 'connecting' | 'connected'): void {
    if (this.#state === 'stopped') {
      throw new Error(STOPPED);
    }
    this.#state = state;
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
    if (this.#hasEnds) {
      await this.#client.query(deleteStatement(this.#table));
    }
    await this.#client.query('TRUNCATE pg_temp.fetchfleet_incoming');
    this.#rows = 0;
    this.#characters = 0;
    this.#hasEnds = false;
  }

  /** Runs something. Its errors name the database, and none of them shows the password. */
  async #explained<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof DatabaseUnfitError) {
        throw error;
      }
      // The first error says why the connection ended; later ones only that it did.
      const cause = this.#failure ?? toError(error);
      const message = `the database ${this.address} ${what}: ${reasonOf(cause)}`;
      throw isLasting(cause)
        ? new DatabaseUnfitError(message, { cause })
        : new DatabaseError(message, { cause });
    }
  }
}

const STOPPED = 'the export was stopped';

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

/**
 * A fetch that was fetched anew may have had more pages before: those behind its first last page
 * are stale, as in an export to a file.
 */
function deleteStatement(table: TableName): string {
  return `
    DELETE FROM ${quotedName(table)} AS stale
    USING (
      SELECT present.batch, present.index, min(present.page) AS page
      FROM ${quotedName(table)} AS present
      JOIN (
        SELECT DISTINCT batch, index FROM pg_temp.fetchfleet_incoming WHERE page_end IS NOT NULL
      ) AS incoming USING (batch, index)
      WHERE present.page_end IS NOT NULL
      GROUP BY present.batch, present.index
    ) AS last
    WHERE stale.batch = last.batch AND stale.index = last.index AND stale.page > last.page`;
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

/** Classes of SQLSTATE: values, names and rights, and limits do not change by themselves. */
const LASTING = /^(?:22|42|54)/;

function isLasting(error: Error): boolean {
  return error instanceof ServerError && LASTING.test(error.code ?? '');
}

/** A name that resolves to several addresses fails with one error for each. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return first === undefined ? error.message : toError(first).message;
}
