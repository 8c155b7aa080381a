import { hash } from 'node:crypto';
import type { ListFile } from '../model/parameter-source.ts';
import { EntryPartitions, PARTITIONS } from './entry-partitions.ts';
import { PositionSet } from './position-set.ts';
import { readLines } from './text-lines.ts';

/** Bytes of a hash that are kept: two lines with the same 128 bits do not happen. */
const HASH_BYTES = 16;
const POSITION_BYTES = 6;
const ENTRY_BYTES = HASH_BYTES + POSITION_BYTES;

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
  const partitions = new EntryPartitions(`${list.path}-hashes`, ENTRY_BYTES);
  let position = 0;
  for await (const lines of readLines(list, signal)) {
    for (const line of lines) {
      // As text, which takes a third of the time of a buffer.
      const digest = hash('sha256', line, 'binary');
      const entry = partitions.add(digest.charCodeAt(0));
      entry.write(digest, 0, HASH_BYTES, 'latin1');
      entry.writeUIntBE(position++, HASH_BYTES, POSITION_BYTES);
    }
  }
  const repeated = new PositionSet();
  for (let at = 0; at < PARTITIONS; at += 1) {
    signal?.throwIfAborted();
    findRepeated(await partitions.take(at), repeated);
  }
  return repeated;
}

/** @param entries whose hashes begin with the same byte, in the order of their positions */
function findRepeated(entries: Buffer, repeated: PositionSet): void {
  const seen = new Set<string>();
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const key = entries.toString('latin1', at, at + HASH_BYTES);
    if (seen.has(key)) {
      repeated.add(entries.readUIntBE(at + HASH_BYTES, POSITION_BYTES));
    }
    seen.add(key);
  }
}
