import { escapeLiteral } from 'pg';
import type { Row } from '../rows/row.ts';
import { UNKNOWN_TOTAL_RECHECK_MS } from '../sink/batch-writer.ts';
import { SinkError } from '../sink/sink.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import type { Address } from './address.ts';
import { plainTexts, textsOf } from './row/columns.ts';
import { copyText } from './row/copy-text.ts';
import { isPassing, isRefusedValue, reasonOf } from './errors.ts';
import {
  COPY_INCOMING,
  createIncoming,
  deleteStalePages,
  hasPage,
  lockPages,
  mergeIncoming,
} from './incoming.ts';
import { ensurePlace, FETCHES, findPlace, writeManifest } from './place.ts';
import type { RecordTexts } from './row/record-texts.ts';
import { Session } from './session.ts';

export interface PlaceWriterOptions extends Pick<SinkOptions, 'manifest'> {
  readonly address: Address;
  /** @default 10 s */
  readonly connectTimeoutMs?: number;
  /** How long a transaction may take, and a second more for each MiB. @default 30 s */
  readonly flushTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const FLUSH_TIMEOUT_MS = 30_000;

interface Flush {
  /** All batches of it, sorted. */
  readonly batches: readonly string[];
  readonly bytes: number;
}

interface Transaction extends Flush {
  readonly rows: readonly Row[];
  readonly toTexts: (row: Row) => RecordTexts;
}

/**
 * Writes rows to a place, over one connection, in one transaction at a time:
 *
 *     BEGIN ─▶ is it the same place? ─▶ manifests that are missing ─▶ COPY into a temporary table
 *       ─▶ take over what is new or better ─▶ COMMIT
 *
 * After any error the connection is ended; the next call makes another one. Whether a COMMIT that
 * was not answered took place does not matter, because the same records change nothing again.
 */
export class PlaceWriter {
  readonly #options: PlaceWriterOptions;
  #session: Session | undefined;
  /** Whether the session has written something: it may have ended since. */
  #isUsed = false;
  #isStopping = false;
  #id: string | undefined;
  /** Batches whose total is unknown, with the next time to ask, by `performance.now()`. */
  readonly #manifestsDueAtMs = new Map<string, number>();

  constructor(options: PlaceWriterOptions) {
    this.#options = options;
  }

  get id(): string | undefined {
    return this.#id;
  }

  /**
   * Creates the tables that are missing. Then writes no row, by the statements that write rows.
   *
   * @throws SinkError
   */
  async start(): Promise<void> {
    await this.#attempt(async () => {
      const session = await this.#connected();
      await session.within(this.#timeoutMs(0), async () => {
        await session.script(this.#beginning(0));
        const id = await ensurePlace(session);
        await session.script(`${createIncoming(FETCHES)}; ${mergeIncoming(FETCHES)}`);
        await session.commit();
        this.#id ??= id;
      });
    });
  }

  /**
   * @param rows that differ in their key, in its order
   * @throws SinkError, ManifestError
   */
  async write(rows: readonly Row[], flush: Flush): Promise<void> {
    await this.#attempt(async () => this.#write(rows, flush));
  }

  /** Over a connection of its own: rows may be written meanwhile. @throws SinkError */
  async assertSame(): Promise<void> {
    const { address, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
    const session = new Session(address, connectTimeoutMs);
    try {
      await session.connect();
      const found = await session.within(this.#timeoutMs(0), async () => findPlace(session));
      this.#assertId(found);
    } catch (error) {
      throw this.error(reasonOf(error));
    } finally {
      await session.end();
    }
  }

  /** From now on nothing is tried again. */
  beginStop(): void {
    this.#isStopping = true;
  }

  async stop(): Promise<void> {
    await this.#session?.end();
    this.#session = undefined;
  }

  error(reason: string): SinkError {
    return new SinkError('write results to', this.#options.address.shown, reason);
  }

  /** Does something; once more if the connection turns out to have ended while it was idle. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    const isReused = this.#isUsed;
    try {
      await work();
      this.#isUsed = true;
    } catch (error) {
      this.#disconnect();
      if (error instanceof ManifestError) {
        throw error;
      }
      if (isReused && !this.#isStopping && isPassing(error)) {
        await this.#attempt(work);
        return;
      }
      throw this.error(reasonOf(error));
    }
  }

  /** A value that the database refuses costs no record: its row is found, and written plainly. */
  async #write(rows: readonly Row[], flush: Flush): Promise<void> {
    const session = await this.#connected();
    try {
      await this.#transact(session, { ...flush, rows, toTexts: textsOf });
    } catch (error) {
      if (!isRefusedValue(error)) {
        throw error;
      }
      await session.query('ROLLBACK');
      if (rows.length === 1) {
        await this.#transact(session, { ...flush, rows, toTexts: plainTexts });
        return;
      }
      const half = Math.ceil(rows.length / 2);
      await this.#write(rows.slice(0, half), flush);
      await this.#write(rows.slice(half), flush);
    }
  }

  async #transact(session: Session, { rows, toTexts, ...flush }: Transaction): Promise<void> {
    await session.within(this.#timeoutMs(flush.bytes), async () => {
      await this.#begin(session, flush);
      await lockPages(session, rows);
      await session.copyIn(COPY_INCOMING, copyText(each(rows, toTexts)));
      await session.query(mergeIncoming(FETCHES));
      if (rows.some(hasPage)) {
        await session.query(deleteStalePages(FETCHES));
      }
      await session.commit();
    });
  }

  async #begin(session: Session, { batches, bytes }: Flush): Promise<void> {
    const list = batches.map((batch) => escapeLiteral(batch)).join(', ');
    const results = await session.script(`${this.#beginning(bytes)};
      SELECT id FROM fetchfleet_place;
      SELECT batch, total FROM fetchfleet_batches WHERE batch IN (${list});
      ${createIncoming(FETCHES)}`);
    const [places = [], known = []] = results.slice(-3);
    this.#assertId(places[0]?.['id']);
    const totals = new Map(known.map(({ batch, total }) => [String(batch), Number(total)]));
    for (const batch of batches) {
      await this.#ensureManifest(session, batch, totals.get(batch));
    }
  }

  #assertId(found: unknown): void {
    this.#id ??= String(found);
    if (found !== this.#id) {
      throw new Error(`another place is in this database: its id is not ${this.#id}`);
    }
  }

  /** Nothing is locked yet, so it does not matter how long the manifest takes. */
  async #ensureManifest(session: Session, batch: string, total?: number): Promise<void> {
    const now = performance.now();
    const isDue = total === undefined || (this.#manifestsDueAtMs.get(batch) ?? 0) <= now;
    if (total !== undefined && total > 0) {
      this.#manifestsDueAtMs.delete(batch);
    } else if (isDue) {
      const manifest = await this.#options.manifest(batch).catch((error: unknown) => {
        throw new ManifestError(batch, error);
      });
      await writeManifest(session, manifest);
      if (manifest.total === 0) {
        this.#manifestsDueAtMs.set(batch, now + UNKNOWN_TOTAL_RECHECK_MS);
      }
    }
  }

  async #connected(): Promise<Session> {
    if (this.#session?.failure !== undefined) {
      this.#disconnect();
    }
    if (this.#session === undefined) {
      const { address, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
      this.#session = new Session(address, connectTimeoutMs);
      await this.#session.connect();
    }
    return this.#session;
  }

  #disconnect(): void {
    this.#session?.destroy(new Error('the connection was ended'));
    this.#session = undefined;
    this.#isUsed = false;
  }

  #timeoutMs(bytes: number): number {
    const { flushTimeoutMs = FLUSH_TIMEOUT_MS } = this.#options;
    return flushTimeoutMs + (bytes / (1024 * 1024)) * 1_000;
  }

  /**
   * The server ends what this worker no longer waits for, also if the worker hangs, so that nothing
   * stays locked. A commit has to be on disk when it is answered, whatever the database is set to.
   */
  #beginning(bytes: number): string {
    const timeoutMs = Math.round(this.#timeoutMs(bytes));
    return `BEGIN ISOLATION LEVEL READ COMMITTED;
      SET LOCAL statement_timeout = ${timeoutMs};
      SET LOCAL lock_timeout = ${Math.round(timeoutMs / 3)};
      SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs};
      SELECT set_config('synchronous_commit', 'on', true)
      WHERE current_setting('synchronous_commit') = 'off'`;
  }
}

/** One after the other, between which {@link copyText} lets other work have its turn. */
function* each(
  rows: readonly Row[],
  toTexts: Transaction['toTexts'],
): Generator<RecordTexts, void> {
  for (const row of rows) {
    yield toTexts(row);
  }
}

/** The manifest of a batch could not be had; its cause is for the append. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly batch: string;

  constructor(batch: string, cause: unknown) {
    super(`batch ${batch} has no manifest`, { cause });
    this.batch = batch;
  }
}
