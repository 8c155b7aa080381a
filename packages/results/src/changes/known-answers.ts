import { closeSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  compileIdentity,
  type Crawl,
  EntryPartitions,
  expandCrawl,
  type KnownAnswer,
  MAX_REFERENCES,
  PARTITIONS,
  parseBodyPlace,
  parseValidators,
  type RequestIdentity,
  TemporaryFolder,
  type Validators,
} from '@fetchfleet/crawl';
import { openNameless, RecordTable } from '../export/record-table.ts';
import type { CheckedOut } from '../store/store.ts';

const KEY_BYTES = 16;
const INDEX_BYTES = 6;
/** Records that are read between two yields to the event loop. */
const RECORDS_PER_TURN = 1_000;

export interface KnownAnswersOptions {
  /** The earlier batch, checked out; it is given back in the end. */
  readonly copy: CheckedOut;
  /** Its id. */
  readonly batch: string;
  /** Batches that records may refer to: their results are there. */
  readonly refersTo: readonly string[];
  /** With every list on this machine. */
  readonly crawl: Crawl;
  /** Fetches of the crawl. */
  readonly total: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What an earlier batch knows of the answers to the fetches of a crawl. The fetches of both are
 * joined by what they ask for, because rows may be added, removed or moved:
 *
 *     earlier records ──▶ (hash of the request, index) ──┐ 256 partitions by the first byte
 *     crawl, expanded ──▶ (hash of the request, index) ──┴▶ (index, earlier index)
 *                                                            256 partitions by ranges of indexes
 *     each of them ──▶ a file with the earlier index of each fetch
 *
 * Memory holds a partition at a time. The validators stay in the parts of the earlier batch until a
 * slice is made.
 */
export class KnownAnswers {
  readonly #options: KnownAnswersOptions;
  readonly #identity: RequestIdentity;
  readonly #table: RecordTable;
  /** The earlier index of each fetch plus one, 6 bytes each; a hole is none. */
  readonly #earlier = openNameless();
  readonly #entry = Buffer.alloc(INDEX_BYTES);
  #refersTo: ReadonlySet<string> = new Set();
  /** Fetches that were found in the earlier batch. */
  count = 0;

  private constructor(options: KnownAnswersOptions, table: RecordTable) {
    this.#options = options;
    this.#identity = compileIdentity(options.crawl.plan);
    this.#table = table;
  }

  /** @throws ResultsNotFoundError, ResultsChangedError, ResultsUnreadableError; InputError */
  static async open(options: KnownAnswersOptions): Promise<KnownAnswers> {
    const { copy, batch, signal } = options;
    const { dirs } = copy;
    const known = new KnownAnswers(options, await RecordTable.open({ dirs, batch, signal }));
    try {
      await using folder = await TemporaryFolder.create('changes');
      await known.#join(folder.path);
      return known;
    } catch (error) {
      await known.stop();
      throw error;
    }
  }

  /**
   * The batches that have bodies of these answers; at most {@link MAX_REFERENCES}, those with the
   * most of them.
   */
  get refersTo(): readonly string[] {
    return [...this.#refersTo];
  }

  /** What is known of the answer to a fetch; undefined if that is nothing, or cannot be used. */
  of({ index, values }: { readonly index: number; readonly values: readonly string[] }) {
    const bytes = readSync(this.#earlier, this.#entry, 0, INDEX_BYTES, index * INDEX_BYTES);
    const earlier = bytes < INDEX_BYTES ? -1 : this.#entry.readUIntLE(0, INDEX_BYTES) - 1;
    const record = earlier < 0 ? undefined : readEarlier(this.#table, earlier);
    if (record === undefined) {
      return undefined;
    }
    const { batch } = this.#options;
    const { hash, etag, lastModified, vary } = record.validators;
    const at = record.place ?? { batch, index: earlier };
    const isSameVariant =
      vary === undefined || this.#identity.variantOf(values, vary.names) === vary.hash;
    if (!this.#refersTo.has(at.batch) || !isSameVariant) {
      return undefined;
    }
    const known: KnownAnswer = { hash, etag, lastModified, vary: vary?.names, at };
    return known;
  }

  async stop(): Promise<void> {
    closeSync(this.#earlier);
    await this.#table.stop();
    await this.#options.copy[Symbol.asyncDispose]();
  }

  async #join(folder: string): Promise<void> {
    const { crawl, total, signal } = this.#options;
    const earlier = await this.#readEarlier(join(folder, 'earlier'));
    const now = new EntryPartitions(join(folder, 'now'), KEY_BYTES + INDEX_BYTES);
    for await (const chunk of expandCrawl(crawl, { signal })) {
      // A worker may do this beside its fetches.
      await setImmediate();
      for (const { index, values } of chunk) {
        addKey(now, this.#identity.requestOf(values), index);
      }
    }
    const found = new EntryPartitions(join(folder, 'found'), 2 * INDEX_BYTES);
    const perRange = Math.max(1, Math.ceil(total / PARTITIONS));
    for (let at = 0; at < PARTITIONS; at += 1) {
      await setImmediate();
      signal?.throwIfAborted();
      const matches = joinEntries(await earlier.take(at), await now.take(at));
      for (const [index, earlierIndex] of matches) {
        const entry = found.add(Math.floor(index / perRange));
        entry.writeUIntLE(index, 0, INDEX_BYTES);
        entry.writeUIntLE(earlierIndex + 1, INDEX_BYTES, INDEX_BYTES);
        this.count += 1;
      }
    }
    for (let at = 0; at < PARTITIONS; at += 1) {
      this.#writeRange(await found.take(at), at * perRange, perRange);
    }
  }

  async #readEarlier(path: string): Promise<EntryPartitions> {
    const { batch, refersTo, signal } = this.#options;
    const bodies = new Map(refersTo.map((one) => [one, 0]));
    const partitions = new EntryPartitions(path, KEY_BYTES + INDEX_BYTES);
    for (let index = 0; index < this.#table.end; index += 1) {
      if (index % RECORDS_PER_TURN === 0) {
        await setImmediate();
        signal?.throwIfAborted();
      }
      const record = readEarlier(this.#table, index);
      const bodyIn = record?.place?.batch ?? batch;
      const count = bodies.get(bodyIn);
      if (record !== undefined && count !== undefined) {
        bodies.set(bodyIn, count + 1);
        addKey(partitions, record.validators.request, index);
      }
    }
    const used = [...bodies].filter(([, count]) => count > 0);
    const most = used.toSorted(([, one], [, other]) => other - one).slice(0, MAX_REFERENCES);
    this.#refersTo = new Set(most.map(([one]) => one));
    return partitions;
  }

  #writeRange(entries: Buffer, first: number, count: number): void {
    if (entries.length === 0) {
      return;
    }
    const range = Buffer.alloc(count * INDEX_BYTES);
    for (let at = 0; at < entries.length; at += 2 * INDEX_BYTES) {
      const index = entries.readUIntLE(at, INDEX_BYTES);
      entries.copy(range, (index - first) * INDEX_BYTES, at + INDEX_BYTES, at + 2 * INDEX_BYTES);
    }
    writeSync(this.#earlier, range, 0, range.length, first * INDEX_BYTES);
  }
}

/** A record that a later one can be compared with. */
interface EarlierRecord {
  readonly validators: Validators;
  /** Where its body is; undefined if the record has it. */
  readonly place: ReturnType<typeof parseBodyPlace>;
}

function readEarlier(table: RecordTable, index: number): EarlierRecord | undefined {
  const head = parse(table.readHead(index));
  const validators = head?.outcome === 'ok' ? parseValidators(head.validators) : undefined;
  return validators && { validators, place: parseBodyPlace(head?.unchanged) };
}

interface Head {
  readonly outcome?: unknown;
  readonly validators?: unknown;
  readonly unchanged?: unknown;
}

function parse(text: string | undefined): Head | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

function addKey(partitions: EntryPartitions, request: string, index: number): void {
  const key = Buffer.from(request, 'base64url');
  const entry = partitions.add(key[0] ?? 0);
  key.copy(entry, 0, 0, KEY_BYTES);
  entry.writeUIntLE(index, KEY_BYTES, INDEX_BYTES);
}

/** Pairs of indexes whose keys are the same. Of several earlier ones, the last counts. */
function* joinEntries(earlier: Buffer, now: Buffer): Generator<readonly [number, number]> {
  const known = new Map<string, number>();
  for (const [key, index] of entriesOf(earlier)) {
    known.set(key, index);
  }
  for (const [key, index] of entriesOf(now)) {
    const found = known.get(key);
    if (found !== undefined) {
      yield [index, found];
    }
  }
}

function* entriesOf(entries: Buffer): Generator<readonly [key: string, index: number]> {
  const size = KEY_BYTES + INDEX_BYTES;
  for (let at = 0; at < entries.length; at += size) {
    const key = entries.toString('latin1', at, at + KEY_BYTES);
    yield [key, entries.readUIntLE(at + KEY_BYTES, INDEX_BYTES)];
  }
}
