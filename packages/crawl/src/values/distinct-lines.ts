import { hash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { ListFile } from '../model/parameter-source.ts';
import { readLines } from './text-lines.ts';

/** Bytes of a hash that are kept: two lines with the same 128 bits do not happen. */
const HASH_BYTES = 16;
const POSITION_BYTES = 6;
const ENTRY_BYTES = HASH_BYTES + POSITION_BYTES;
const PARTITIONS = 256;
/** What a partition has in memory before it is written to its file. */
const BUFFER_BYTES = 744 * ENTRY_BYTES;

/**
 * The lines of a list in their order, without those that came before. Memory does not hold the
 * lines, but one bit for each, and one of 256 partitions of their hashes at a time:
 *
 *     list ──▶ (hash, position) ──▶ 256 files by the first byte of the hash
 *     each file: where a hash comes again, the bit of its position is set
 *     list ──▶ lines without a bit
 *
 * The files are beside the list, whose folder is private.
 */
export async function* distinctLines(list: ListFile, signal?: AbortSignal): AsyncGenerator<string> {
  const repeated = await repeatedLines(list, signal);
  let position = 0;
  for await (const lines of readLines(list, signal)) {
    const kept: string[] = [];
    for (const line of lines) {
      if (!repeated.has(position++)) {
        kept.push(`${line}\n`);
      }
    }
    yield kept.join('');
  }
}

async function repeatedLines(list: ListFile, signal?: AbortSignal): Promise<PositionSet> {
  const partitions = Array.from(
    { length: PARTITIONS },
    (_, at) => new Partition(`${list.path}-hashes-${at}`),
  );
  let position = 0;
  for await (const lines of readLines(list, signal)) {
    for (const line of lines) {
      // As text, which takes a third of the time of a buffer.
      const digest = hash('sha256', line, 'binary');
      partitions[digest.charCodeAt(0)]?.add(digest, position++);
    }
  }
  const repeated = new PositionSet();
  for (const partition of partitions) {
    signal?.throwIfAborted();
    await partition.findRepeated(repeated);
  }
  return repeated;
}

/** The hashes with one first byte, and the positions of their lines, in order. */
class Partition {
  readonly #path: string;
  #entries = Buffer.alloc(0);
  #length = 0;
  #isWritten = false;

  constructor(path: string) {
    this.#path = path;
  }

  add(digest: string, position: number): void {
    if (this.#length === this.#entries.length) {
      this.#makeRoom();
    }
    this.#entries.write(digest, this.#length, HASH_BYTES, 'latin1');
    this.#entries.writeUIntBE(position, this.#length + HASH_BYTES, POSITION_BYTES);
    this.#length += ENTRY_BYTES;
  }

  async findRepeated(repeated: PositionSet): Promise<void> {
    const last = this.#entries.subarray(0, this.#length);
    let all = last;
    if (this.#isWritten) {
      all = Buffer.concat([await readFile(this.#path), last]);
      await rm(this.#path);
    }
    const seen = new Set<string>();
    for (let at = 0; at < all.length; at += ENTRY_BYTES) {
      const key = all.toString('latin1', at, at + HASH_BYTES);
      if (seen.has(key)) {
        repeated.add(all.readUIntBE(at + HASH_BYTES, POSITION_BYTES));
      }
      seen.add(key);
    }
    this.#entries = Buffer.alloc(0);
    this.#length = 0;
  }

  /** Small lists, which most are, never reach a file. */
  #makeRoom(): void {
    if (this.#entries.length < BUFFER_BYTES) {
      const larger = Buffer.alloc(Math.min(BUFFER_BYTES, Math.max(ENTRY_BYTES, 2 * this.#length)));
      this.#entries.copy(larger);
      this.#entries = larger;
      return;
    }
    appendFileSync(this.#path, this.#entries, { mode: 0o600 });
    this.#isWritten = true;
    this.#length = 0;
  }
}

/** A set of whole numbers, one bit each. */
class PositionSet {
  #bits = new Uint8Array(1024);

  add(position: number): void {
    const at = Math.floor(position / 8);
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (position % 8));
  }

  has(position: number): boolean {
    return ((this.#bits[Math.floor(position / 8)] ?? 0) & (1 << (position % 8))) !== 0;
  }
}
