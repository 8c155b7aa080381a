import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findParts } from '../folder/layout.ts';
import { splitBody } from '../folder/record-line.ts';
import { PartFiles } from './part-files.ts';
import { PartsIndexer } from './parts-indexer.ts';
import type { RecordIndex } from './record-index.ts';

/** Records that are indexed at once. */
const MAX_RECORDS = 2 ** 20;
/** Position and length of a line, 6 bytes each; a length of 0 is no record. */
const ENTRY_BYTES = 12;
const NUMBER_BYTES = 6;
/** Enough for the fields before the body, unless the URL is very long. */
const HEAD_BYTES = 4096;
const BODY_KEY = ',"body":';
/** The largest batch. A line may say anything. */
const MAX_TOTAL = 2 ** 32 - 1;

export interface RecordTableOptions {
  /** Results folders, of which at least one has the batch. */
  readonly dirs: readonly string[];
  readonly batch: string;
  /** Only the records of these indexes, the end excluded. @default all */
  readonly range?: readonly [from: number, to: number] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The records of a batch by their indexes, in any order. Memory does not grow with the batch: where
 * each record is stands in a file, which has no name and is gone with the process.
 */
export class RecordTable {
  readonly #files: PartFiles;
  readonly #entries: number;
  readonly #entry = Buffer.alloc(ENTRY_BYTES);
  #end = 0;

  private constructor(files: PartFiles, entries: number) {
    this.#files = files;
    this.#entries = entries;
  }

  /**
   * Reads the parts of the batch once. Records with pages are left out.
   *
   * @throws ResultsNotFoundError, ResultsChangedError, ResultsUnreadableError, InvalidIdError; the
   *   reason of `signal`
   */
  static async open({ dirs, batch, range, signal }: RecordTableOptions): Promise<RecordTable> {
    const files = new PartFiles((await findParts(dirs, batch)).parts.files);
    const entries = openNameless();
    const table = new RecordTable(files, entries);
    let hasPages = false;
    const parts = new PartsIndexer({
      files,
      batch,
      total: MAX_TOTAL,
      maxRecords: MAX_RECORDS,
      ...(range !== undefined && { range }),
      signal,
      onProgress: () => undefined,
      onPages: () => {
        hasPages = true;
      },
    });
    try {
      for await (const index of parts.indexes()) {
        if (hasPages) {
          break;
        }
        writeEntries(entries, index);
        table.#end = Math.max(table.#end, index.highest + 1);
      }
      return table;
    } catch (error) {
      await table.stop();
      throw error;
    }
  }

  /** The highest index plus one. */
  get end(): number {
    return this.#end;
  }

  /** A record without its body, as JSON; undefined if there is none. */
  readHead(index: number): string | undefined {
    const found = this.#find(index);
    if (found === undefined) {
      return undefined;
    }
    const [position, length] = found;
    const start = Buffer.allocUnsafe(Math.min(length, HEAD_BYTES));
    this.#files.readSync(start, position);
    if (length <= HEAD_BYTES || start.includes(BODY_KEY)) {
      return splitBody(start).head.trimEnd();
    }
    const whole = Buffer.allocUnsafe(length);
    this.#files.readSync(whole, position);
    return splitBody(whole).head.trimEnd();
  }

  /** A record as its line without the newline; undefined if there is none. */
  async readLine(index: number): Promise<Buffer | undefined> {
    const found = this.#find(index);
    if (found === undefined) {
      return undefined;
    }
    const [position, length] = found;
    const line = Buffer.allocUnsafe(length);
    if (length <= HEAD_BYTES) {
      this.#files.readSync(line, position);
    } else {
      await this.#files.read(line, position);
    }
    return line.subarray(0, length - 1);
  }

  /** Closes the parts until the next read. */
  async rest(): Promise<void> {
    await this.#files.stop();
  }

  async stop(): Promise<void> {
    closeSync(this.#entries);
    await this.#files.stop();
  }

  #find(index: number): readonly [position: number, length: number] | undefined {
    const bytes = readSync(this.#entries, this.#entry, 0, ENTRY_BYTES, index * ENTRY_BYTES);
    const length = bytes < ENTRY_BYTES ? 0 : this.#entry.readUIntLE(NUMBER_BYTES, NUMBER_BYTES);
    return length === 0 ? undefined : [this.#entry.readUIntLE(0, NUMBER_BYTES), length];
  }
}

/** A file without a name: it needs no cleaning up, whatever happens to the process. */
export function openNameless(): number {
  const path = join(tmpdir(), `fetchfleet-${randomUUID()}`);
  const file = openSync(path, 'wx+', 0o600);
  rmSync(path);
  return file;
}

/** Writes the entries of an index in blocks, and leaves holes where there are no records. */
function writeEntries(file: number, index: RecordIndex): void {
  const block = Buffer.alloc(4096 * ENTRY_BYTES);
  let first = 0;
  let count = 0;
  const flush = (): void => {
    writeSync(file, block, 0, count * ENTRY_BYTES, first * ENTRY_BYTES);
    count = 0;
  };
  for (const key of index.keys()) {
    if (count > 0 && (key !== first + count || count * ENTRY_BYTES === block.length)) {
      flush();
    }
    first = count === 0 ? key : first;
    block.writeUIntLE(index.position(key), count * ENTRY_BYTES, NUMBER_BYTES);
    block.writeUIntLE(index.length(key), count * ENTRY_BYTES + NUMBER_BYTES, NUMBER_BYTES);
    count += 1;
  }
  if (count > 0) {
    flush();
  }
}
