import { toError } from '@fetchfleet/crawl';
import type { RowSink } from '../rows/export-rows.ts';
import type { Row } from '../rows/row.ts';
import { type Address, parseTableName, readAddress, type TableName } from './address.ts';
import { textsOf } from './row/columns.ts';
import { copyText } from './row/copy-text.ts';
import { DatabaseError, DatabaseUnfitError, isLasting, reasonOf } from './errors.ts';
import {
  COPY_INCOMING,
  createIncoming,
  deleteStalePages,
  EMPTY_INCOMING,
  hasPage,
  mergeIncoming,
} from './incoming.ts';
import { Session } from './session.ts';
import { ensureTable } from './table.ts';

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. What it lacks is in PG variables. */
  readonly url: string;
  /** Name of the table, or of schema and table. */
  readonly table: string;
  /** Has what the URL lacks: `PGPASSWORD`, for example. */
  readonly env: Readonly<Record<string, string | undefined>>;
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
 * Writes an export to a table of PostgreSQL, in one transaction: all records, or none. Rows are
 * copied into a temporary table and taken over from there, where they are new or better than what
 * is there.
 *
 *     start() → write() … → end() → stop()
 */
export class PostgresExport implements RowSink {
  readonly #address: Address;
  readonly #session: Session;
  readonly #table: TableName;
  #rows = 0;
  #characters = 0;
  /** Whether a row that waits is a page of a fetch. */
  #hasPages = false;
  #inserted = 0;
  #updated = 0;

  /** @throws DatabaseUnfitError if the address or the name of the table is none */
  constructor({ url, table, env, connectTimeoutMs = CONNECT_TIMEOUT_MS }: PostgresOptions) {
    this.#address = readAddress(url, env);
    this.#table = parseTableName(table);
    this.#session = new Session(this.#address, connectTimeoutMs);
  }

  /** The address as it may be shown. */
  get address(): string {
    return this.#address.shown;
  }

  get counts(): PostgresCounts {
    return { inserted: this.#inserted, updated: this.#updated };
  }

  /** Connects and begins. @throws DatabaseError, DatabaseUnfitError */
  async start(): Promise<void> {
    await this.#explained('cannot be reached', async () => this.#session.connect());
    await this.#explained('refuses', async () => {
      await this.#session.query('BEGIN ISOLATION LEVEL READ COMMITTED');
      await ensureTable(this.#session, this.#table, {
        remedy: 'name another table with --table',
        isDurable: false,
      });
      await this.#session.query(createIncoming(this.#table));
    });
  }

  async write(rows: readonly Row[]): Promise<void> {
    const texts = rows.map(textsOf);
    await this.#explained('refuses', async () => {
      await this.#session.copyIn(COPY_INCOMING, this.#counted(copyText(texts)));
      this.#rows += rows.length;
      this.#hasPages ||= rows.some(hasPage);
      if (this.#rows >= MERGE_ROWS || this.#characters >= MERGE_CHARACTERS) {
        await this.#merge();
      }
    });
  }

  async end(): Promise<void> {
    await this.#explained('refuses', async () => {
      await this.#merge();
      await this.#session.commit();
    });
  }

  /** Ends the connection, or the attempt to connect. What is not committed is gone. */
  async stop(): Promise<void> {
    await this.#session.end(new Error('the export was stopped'));
  }

  async *#counted(pieces: AsyncIterable<string>): AsyncGenerator<string, void> {
    for await (const piece of pieces) {
      this.#characters += piece.length;
      yield piece;
    }
  }

  async #merge(): Promise<void> {
    if (this.#rows === 0) {
      return;
    }
    const [counts] = await this.#session.query<{ inserted: string; updated: string }>(
      mergeIncoming(this.#table),
    );
    this.#inserted += Number(counts?.inserted ?? 0);
    this.#updated += Number(counts?.updated ?? 0);
    if (this.#hasPages) {
      await this.#session.query(deleteStalePages(this.#table));
    }
    await this.#session.query(EMPTY_INCOMING);
    this.#rows = 0;
    this.#characters = 0;
    this.#hasPages = false;
  }

  /** Runs something. Its errors name the database, and none of them shows the password. */
  async #explained<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof DatabaseUnfitError) {
        throw error;
      }
      const message = `the database ${this.address} ${what}: ${reasonOf(error)}`;
      const cause = toError(error);
      throw isLasting(cause)
        ? new DatabaseUnfitError(message, { cause })
        : new DatabaseError(message, { cause });
    }
  }
}
