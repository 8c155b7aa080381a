import { appendFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';

export const PARTITIONS = 256;
/** What a partition has in memory before it is written to its file. */
const BUFFER_BYTES = 16_384;

const NOTHING = Buffer.alloc(0);

/**
 * Any number of entries of the same size in 256 partitions, each of which is small enough to be
 * read at once. Memory holds 16 KiB of each; the rest is in files.
 */
export class EntryPartitions {
  readonly #partitions: readonly Partition[];

  /** @param path of the files, with `-0` to `-255` behind it, in a folder that is private */
  constructor(path: string, entryBytes: number) {
    this.#partitions = Array.from(
      { length: PARTITIONS },
      (_, at) => new Partition(`${path}-${at}`, entryBytes),
    );
  }

  /**
   * Adds an entry.
   *
   * @param at of the partition, from 0 to 255
   * @returns where it is to be written, at once
   */
  add(at: number): Buffer {
    const partition = this.#partitions[at];
    if (partition === undefined) {
      throw new RangeError(`there are ${PARTITIONS} partitions, and no ${at}`);
    }
    return partition.add();
  }

  /** Takes the entries of a partition, in the order in which they were added. */
  async take(at: number): Promise<Buffer> {
    return this.#partitions[at]?.take() ?? NOTHING;
  }
}

class Partition {
  readonly #path: string;
  readonly #entryBytes: number;
  readonly #maxBytes: number;
  #entries: Buffer = NOTHING;
  #length = 0;
  #isWritten = false;

  constructor(path: string, entryBytes: number) {
    this.#path = path;
    this.#entryBytes = entryBytes;
    this.#maxBytes = Math.floor(BUFFER_BYTES / entryBytes) * entryBytes;
  }

  add(): Buffer {
    if (this.#length === this.#entries.length) {
      this.#makeRoom();
    }
    const start = this.#length;
    this.#length += this.#entryBytes;
    return this.#entries.subarray(start, this.#length);
  }

  async take(): Promise<Buffer> {
    let all = this.#entries.subarray(0, this.#length);
    if (this.#isWritten) {
      all = Buffer.concat([await readFile(this.#path), all]);
      await rm(this.#path);
      this.#isWritten = false;
    }
    this.#entries = NOTHING;
    this.#length = 0;
    return all;
  }

  /** Small partitions, which most are, never reach a file. */
  #makeRoom(): void {
    if (this.#entries.length < this.#maxBytes) {
      const bytes = Math.min(this.#maxBytes, Math.max(this.#entryBytes, 2 * this.#length));
      const larger = Buffer.alloc(bytes);
      this.#entries.copy(larger);
      this.#entries = larger;
      return;
    }
    appendFileSync(this.#path, this.#entries, { mode: 0o600 });
    this.#isWritten = true;
    this.#length = 0;
  }
}
