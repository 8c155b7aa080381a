import { toError } from '@fetchfleet/crawl';
import {
  CopyTooLargeError,
  ResultsNotFoundError,
  ResultsUnreadableError,
} from '../folder/errors.ts';
import { assertBatchId } from '../folder/layout.ts';
import type { Manifest } from '../folder/manifest.ts';
import type { StoredBatch } from '../folder/stored-batches.ts';
import type { CheckedOut, CheckOutOptions, Examination, ResultsStore } from '../store/store.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import { type Address, readAddress } from './address.ts';
import { copyRows, storedLines } from './check-out.ts';
import { reasonOf } from './errors.ts';
import { examinePlace, findManifest } from './place.ts';
import { PostgresSink } from './postgres-sink.ts';
import { Session } from './session.ts';
import { measureRows, removeRows, storedBatchIds } from './stored-rows.ts';

export interface PostgresStoreOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. */
  readonly url: string;
  /** Has what the URL lacks: `PGPASSWORD`, for example. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The longest silence of a server that reads or removes. @default 5 min */
  readonly silenceMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const SILENCE_MS = 5 * 60_000;

/** A database of PostgreSQL. */
export class PostgresStore implements ResultsStore {
  readonly #address: Address;
  readonly #silenceMs: number;

  /** @throws DatabaseUnfitError if the address is none */
  constructor({ url, env, silenceMs = SILENCE_MS }: PostgresStoreOptions) {
    this.#address = readAddress(url, env);
    this.#silenceMs = silenceMs;
  }

  get location(): string {
    return this.#address.shown;
  }

  sink(options: SinkOptions): PostgresSink {
    return new PostgresSink({ ...options, address: this.#address });
  }

  async probe(): Promise<void> {
    const sink = this.sink({ worker: 'probe', manifest: noManifest });
    try {
      await sink.start();
    } finally {
      await sink.stop();
    }
  }

  async examine(): Promise<Examination> {
    const startedAt = performance.now();
    const id = await this.#use('write', async (session) => examinePlace(session));
    return { id, writeMs: performance.now() - startedAt };
  }

  async batches(): Promise<string[]> {
    return this.#use('read', async (session) => storedBatchIds(session));
  }

  async manifest(batch: string): Promise<Manifest | undefined> {
    assertBatchId(batch);
    return this.#use('read', async (session) => findManifest(session, batch));
  }

  async measure(batch: string): Promise<StoredBatch | undefined> {
    assertBatchId(batch);
    return this.#use('read', async (session) => measureRows(session, batch));
  }

  async remove(batch: string): Promise<string | undefined> {
    assertBatchId(batch);
    return this.#use('remove', async (session, beat) => removeRows(session, batch, beat));
  }

  async inPlace(): Promise<undefined> {
    return undefined;
  }

  async checkOut(batch: string, options: CheckOutOptions = {}): Promise<CheckedOut> {
    assertBatchId(batch);
    const { signal, onProgress, maxBytes } = options;
    return this.#use(
      'read',
      async (session, beat) => {
        const size = await measureRows(session, batch);
        if (size === undefined) {
          throw new ResultsNotFoundError(`there are no results of ${batch} in ${this.location}`);
        }
        const manifest = await findManifest(session, batch);
        let done = 0;
        const onLines = (lines: string): void => {
          done += Buffer.byteLength(lines);
          onProgress?.(done, Math.max(done, size.bytes));
          signal?.throwIfAborted();
        };
        const content = observed(storedLines(session, batch, beat), onLines);
        return copyRows({ batch, manifest, content, storedBytes: size.bytes, maxBytes });
      },
      signal,
    );
  }

  async #use<T>(
    action: 'read' | 'remove' | 'write',
    work: (session: Session, beat: () => void) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted();
    const session = new Session(this.#address, CONNECT_TIMEOUT_MS);
    const onAbort = (): void => session.destroy(toError(signal?.reason));
    const silence = setTimeout(
      () => session.destroy(new Error('the server does not answer')),
      this.#silenceMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await session.connect();
      return await work(session, () => silence.refresh());
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#explained(action, error);
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener('abort', onAbort);
      await session.end();
    }
  }

  #explained(action: string, error: unknown): Error {
    const known = [ResultsNotFoundError, ResultsUnreadableError, CopyTooLargeError];
    if (error instanceof Error && known.some((one) => error instanceof one)) {
      return error;
    }
    // The cause may quote records.
    return new ResultsUnreadableError(
      `cannot ${action} results in ${this.location}: ${reasonOf(error)}`,
    );
  }
}

async function noManifest(): Promise<never> {
  throw new Error('a probe writes no records');
}

async function* observed<T>(
  pieces: AsyncIterable<T>,
  onPiece: (piece: T) => void,
): AsyncGenerator<T, void> {
  for await (const piece of pieces) {
    yield piece;
    onPiece(piece);
  }
}
