import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { toError } from '@fetchfleet/crawl';
import { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Address } from './address.ts';
import { DatabaseUnfitError } from './errors.ts';

/** A row of a statement. */
export type FoundRow = Readonly<Record<string, unknown>>;

type Values = readonly (string | number | readonly string[])[];

/**
 * One connection. Its errors are those of the library, but the first one stays: it says why the
 * connection ended, and later ones only that it did.
 *
 *     new ──connect──▶ connecting ──▶ connected ──end, destroy──▶ ended
 */
export class Session {
  readonly #client: Client;
  #state: 'new' | 'connecting' | 'connected' | 'ended' = 'new';
  #failure: Error | undefined;

  /** @throws DatabaseUnfitError if the parameters of the address are not valid */
  constructor({ url }: Address, connectTimeoutMs: number) {
    this.#client = clientFor(url, connectTimeoutMs);
    // A connection that ends between two statements must not end the process.
    this.#client.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  /** Why the connection ended; undefined while nothing is known of an end. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  async connect(): Promise<void> {
    this.#become('connecting');
    await this.#explained(async () => this.#client.connect());
    this.#become('connected');
  }

  async query<R extends object>(sql: string, values: Values = []): Promise<readonly R[]> {
    return this.#explained(async () => {
      const { rows } = await this.#client.query<R>(sql, [...values]);
      return rows;
    });
  }

  /** Several statements in one message, without values. @returns the rows of each */
  async script(sql: string): Promise<readonly (readonly FoundRow[])[]> {
    // For several statements, the library has several results.
    const results: unknown = await this.#explained(async () => this.#client.query(sql));
    return (Array.isArray(results) ? results : [results]).map(rowsOf);
  }

  /** Ends a transaction. A server answers ROLLBACK if it was broken off before. */
  async commit(): Promise<void> {
    const { command } = await this.#explained(async () => this.#client.query('COMMIT'));
    if (command !== 'COMMIT') {
      throw new Error('the server rolled the transaction back');
    }
  }

  async copyIn(statement: string, pieces: AsyncIterable<string>): Promise<void> {
    await this.#explained(async () => {
      const stream = this.#client.query(copyFrom(statement));
      const finished = once(stream, 'finish');
      // It is awaited at the end.
      finished.catch(() => undefined);
      for await (const piece of pieces) {
        if (stream.errored !== null || this.#failure !== undefined) {
          break;
        }
        if (!stream.write(piece)) {
          await once(stream, 'drain');
        }
      }
      stream.end();
      await finished;
    });
  }

  copyOut(statement: string): Readable {
    return this.#client.query(copyTo(statement));
  }

  /** Runs `work`; breaks the connection off if it takes longer. */
  async within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const seconds = Math.round(timeoutMs / 1_000);
    const reason = new Error(`the server has not answered for ${seconds} s`);
    const timer = setTimeout(() => this.destroy(reason), timeoutMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connection, or the attempt to connect. What is not committed is gone. */
  async end(reason = new Error('the connection was ended')): Promise<void> {
    if (this.#state !== 'connected') {
      this.destroy(reason);
      return;
    }
    this.#state = 'ended';
    // A connection that is broken already has nothing to say.
    await this.#client.end().catch(() => undefined);
  }

  /** Breaks the connection off, or the attempt to connect. */
  destroy(reason: Error): void {
    const state = this.#state;
    this.#failure ??= reason;
    this.#state = 'ended';
    if (state === 'connecting' || state === 'connected') {
      // The library would wait for the connection, or for an answer, before it ends it.
      this.#client.connection.stream.destroy(reason);
    }
  }

  #become(state: 'connecting' | 'connected'): void {
    if (this.#state === 'ended') {
      throw this.#failure ?? new Error('the connection was ended');
    }
    this.#state = state;
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#failure ?? toError(error);
    }
  }
}

function rowsOf(result: unknown): readonly FoundRow[] {
  return isResult(result) ? result.rows : [];
}

function isResult(value: unknown): value is { readonly rows: readonly FoundRow[] } {
  return typeof value === 'object' && value !== null && 'rows' in value;
}

function clientFor(url: string, connectionTimeoutMillis: number): Client {
  try {
    return new Client({
      connectionString: url,
      connectionTimeoutMillis,
      application_name: 'fetchfleet',
      client_encoding: 'UTF8',
      keepAlive: true,
    });
  } catch {
    // Its message may quote the address.
    throw new DatabaseUnfitError('the parameters of the address of the database are not valid');
  }
}
