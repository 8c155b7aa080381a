import { contentHash, EntryPartitions, parseValidators } from '@fetchfleet/crawl';
import { readLines } from '../export/read-lines.ts';
import { parseHead, type RecordHead } from '../export/parsed-row.ts';
import { splitBody } from '../folder/record-line.ts';

const HASH_BYTES = 16;
const POSITION_BYTES = 6;
const ENTRY_BYTES = 2 * HASH_BYTES + POSITION_BYTES + 1;

/** A record, as far as a comparison needs it. */
export interface DiffEntry {
  /** Hash of what was asked for. */
  readonly key: string;
  /** Hash of the body. */
  readonly body: string;
  /** Place of the record in an export. */
  readonly position: number;
  readonly isOk: boolean;
}

interface EntriesOptions {
  readonly dirs: readonly string[];
  readonly batch: string;
  /** Path of the files. */
  readonly path: string;
  /** Whether hashes of bodies that workers have recorded are compared, and not what is stored. */
  readonly usesValidators: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface BatchEntries {
  readonly partitions: EntryPartitions;
  /** Fetches without a record. */
  readonly missing: number;
}

/** Puts what is compared of the records of a batch into partitions, by what was asked for. */
export async function readEntries(options: EntriesOptions): Promise<BatchEntries> {
  const { dirs, batch, path, usesValidators, signal } = options;
  const partitions = new EntryPartitions(path, ENTRY_BYTES);
  let position = 0;
  const { missing } = await readLines({
    dir: dirs,
    batch,
    unchanged: usesValidators ? 'keep' : 'fill',
    ...(signal && { signal }),
    onLine: (line) => {
      const record = readRecord(line);
      if (record !== undefined) {
        const { head, body } = record;
        const key = Buffer.from(requestOf(head), 'base64url');
        const recorded = usesValidators ? parseValidators(head['validators'])?.hash : undefined;
        const entry = partitions.add(key[0] ?? 0);
        key.copy(entry, 0, 0, HASH_BYTES);
        hashOf(recorded ?? storedBodyOf(head, body)).copy(entry, HASH_BYTES, 0, HASH_BYTES);
        entry.writeUIntLE(position, 2 * HASH_BYTES, POSITION_BYTES);
        entry[ENTRY_BYTES - 1] = head['outcome'] === 'ok' ? 1 : 0;
      }
      position += 1;
    },
  });
  return { partitions, missing };
}

export function* entriesOf(entries: Buffer): Generator<DiffEntry> {
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    yield {
      key: entries.toString('latin1', at, at + HASH_BYTES),
      body: entries.toString('latin1', at + HASH_BYTES, at + 2 * HASH_BYTES),
      position: entries.readUIntLE(at + 2 * HASH_BYTES, POSITION_BYTES),
      isOk: entries[at + ENTRY_BYTES - 1] === 1,
    };
  }
}

/** @returns undefined if the line is no JSON */
export function readRecord(
  line: Buffer,
): { readonly head: RecordHead; readonly body?: Buffer } | undefined {
  const { head, body } = splitBody(line);
  try {
    return { head: parseHead(head), ...(body !== undefined && { body }) };
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Hash of what a record was asked for. A URL says all about a GET; for other methods the parameters
 * stand for the body, which records do not have.
 */
function requestOf(head: RecordHead): string {
  const { url, method = 'GET', page = 0, params } = head;
  return contentHash(JSON.stringify([method, url, page, method === 'GET' ? null : params]));
}

function storedBodyOf({ bodyEncoding }: RecordHead, body: Buffer | undefined): string {
  return contentHash(
    Buffer.concat([Buffer.from(`${String(bodyEncoding)} `), body ?? Buffer.alloc(0)]),
  );
}

function hashOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
