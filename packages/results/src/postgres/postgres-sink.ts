import { setImmediate } from 'node:timers/promises';
import { toError } from '@fetchfleet/crawl';
import { escapeLiteral } from 'pg';
import { assertBatchId, assertWorkerId } from '../folder/layout.ts';
import { type Sink, SinkError } from '../sink/sink.ts';
import type { Row } from '../rows/row.ts';
import type { SinkOptions } from '../store/store.ts';
import type { Address } from './address.ts';
import { bestRows } from './best-rows.ts';
import { plainTexts, textsOf } from './columns.ts';
import { copyText } from './copy-text.ts';
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
import type { RecordTexts } from './record-texts.ts';
import { Session } from './session.ts';

export interface PostgresSinkOptions extends SinkOptions {
  readonly address: Address;
  readonly connectTimeoutMs?: number;
  /** How long a flush may take, and a second more for each MiB. @default 30 s */
  readonly flushTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const FLUSH_TIMEOUT_MS = 30_000;
/** Most characters in one flush. A larger append is flushed alone. */
const MAX_GROUP_CHARACTERS = 8 * 1024 * 1024;
/** Interval between requests for a manifest whose total is unknown. */
const UNKNOWN_TOTAL_RECHECK_MS = 1_000;

interface PendingAppend {
  readonly batch: string;
  readonly lines: readonly string[];
  readonly characters: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

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
 * Writes records to a table of PostgreSQL, over one connection. Appends that arrive during a flush
 * share the next one, which is one transaction:
 *
 *     BEGIN ─▶ is it the same place? ─▶ manifests that are missing ─▶ COPY into a temporary table
 *       ─▶ take over what is new or better ─▶ COMMIT ─▶ the appends resolve
 *
 * After any error the connection is ended; the next flush makes another one. Whether a COMMIT that
 * was not answered took place does not matter, because the same records change nothing again.
 */
export class PostgresSink implements Sink {
  /** A commit takes a few milliseconds however many rows it has. */
  readonly gathering = { ms: 100, bytes: 1024 * 1024 };
  readonly #options: PostgresSinkOptions;
  readonly #pending: PendingAppend[] = [];
  #work: Promise<void> | undefined;
  #session: Session | undefined;
  /** Whether the session has flushed something: it may have ended since. */
  #isUsed = false;
  #id: string | undefined;
  /** Batches whose total is unknown, with the next time to ask, by `performance.now()`. */
  readonly #manifestsDueAtMs = new Map<string, number>();
  #isStopped = false;

  constructor(options: PostgresSinkOptions) {
    assertWorkerId(options.worker);
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

  /** Over a connection of its own: a flush may be under way. */
  async assertSame(): Promise<void> {
    const { address, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
    const session = new Session(address, connectTimeoutMs);
    try {
      await session.connect();
      const found = await session.within(this.#timeoutMs(0), async () => findPlace(session));
      this.#assertId(found);
    } catch (error) {
      throw error instanceof SinkError ? error : this.#error(reasonOf(error));
    } finally {
      await session.end();
    }
  }

  async append(batch: string, lines: readonly string[]): Promise<void> {
    assertBatchId(batch);
    if (this.#isStopped) {
      throw this.#error('the sink is stopped');
    }
    if (lines.length === 0) {
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const characters = lines.reduce((sum, line) => sum + line.length, 0);
    this.#pending.push({ batch, lines, characters, resolve, reject });
    this.#work ??= this.#run();
    await promise;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
    await this.#session?.end();
    this.#session = undefined;
  }

  /** Never rejects: a failed flush rejects the appends in it. */
  async #run(): Promise<void> {
    // Other appends in this turn of the event loop join the first flush.
    await setImmediate();
    while (this.#pending.length > 0) {
      await this.#commit(this.#nextGroup());
    }
    this.#work = undefined;
  }

  #nextGroup(): PendingAppend[] {
    let characters = 0;
    let count = 0;
    for (const append of this.#pending) {
      characters += append.characters;
      if (count > 0 && characters > MAX_GROUP_CHARACTERS) {
        break;
      }
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #commit(group: readonly PendingAppend[]): Promise<void> {
    const startedAt = performance.now();
    const bytes = group.reduce((sum, { characters }) => sum + characters, 0);
    try {
      await this.#attempt(async () => this.#flush(group, bytes));
    } catch (error) {
      await this.#reject(group, error);
      return;
    }
    for (const append of group) {
      append.resolve();
    }
    this.#observe(bytes, performance.now() - startedAt);
  }

  /** A batch whose manifest cannot be had keeps no other one from being written. */
  async #reject(group: readonly PendingAppend[], error: unknown): Promise<void> {
    const { batch, cause = error } = error instanceof ManifestError ? error : {};
    const rest = group.filter((append) => batch !== undefined && append.batch !== batch);
    for (const append of group) {
      if (!rest.includes(append)) {
        append.reject(cause);
      }
    }
    if (rest.length > 0) {
      await this.#commit(rest);
    }
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
      if (isReused && !this.#isStopped && isPassing(error)) {
        await this.#attempt(work);
        return;
      }
      throw error instanceof SinkError ? error : this.#error(reasonOf(error));
    }
  }

  async #flush(group: readonly PendingAppend[], bytes: number): Promise<void> {
    const batches = [...new Set(group.map(({ batch }) => batch))].toSorted();
    await this.#write(await bestRows(group.flatMap(({ lines }) => lines)), { batches, bytes });
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
      throw this.#error(`another place is in this database: its id is not ${this.#id}`);
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
      this.#manifestsDueAtMs.set(batch, now + UNKNOWN_TOTAL_RECHECK_MS);
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

  #error(reason: string): SinkError {
    return new SinkError('write results to', this.#options.address.shown, reason);
  }

  #observe(bytes: number, durationMs: number): void {
    try {
      this.#options.observe?.({ kind: 'flushed', bytes, durationMs });
    } catch (error) {
      // The records are durable. An error of the listener must not reject their appends.
      process.emitWarning(toError(error));
    }
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
class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly batch: string;

  constructor(batch: string, cause: unknown) {
    super(`batch ${batch} has no manifest`, { cause });
    this.batch = batch;
  }
}
