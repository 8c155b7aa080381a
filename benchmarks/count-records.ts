import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const NEWLINE = 0x0a;
/** Bytes of a line that always include the batch and the index. */
const HEAD_BYTES = 200;

export interface RecordCount {
  readonly records: number;
  /** Indexes without a record, and records beyond the first of an index. */
  readonly missing: number;
  readonly repeated: number;
}

/** Reads the parts of a batch. @param folder of the batch */
export async function countRecords(folder: string, total: number): Promise<RecordCount> {
  const seen = new Uint8Array(total);
  let records = 0;
  for (const name of await readdir(folder)) {
    if (!name.startsWith('part-')) {
      continue;
    }
    for await (const index of indexesOf(join(folder, name))) {
      records += 1;
      seen[index] = Math.min(2, (seen[index] ?? 0) + 1);
    }
  }
  let missing = 0;
  for (const times of seen) {
    if (times === 0) {
      missing += 1;
    }
  }
  return { records, missing, repeated: records - (total - missing) };
}

async function* indexesOf(file: string): AsyncGenerator<number> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 4 * 1024 ** 2 })) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no encoding is set
    const bytes = chunk as Buffer;
    const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let from = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, from)) {
      yield indexOf(data.toString('latin1', from, Math.min(end, from + HEAD_BYTES)));
      from = end + 1;
    }
    rest = data.subarray(from);
  }
}

function indexOf(head: string): number {
  const index = /^\{"batch":"[^"]*","index":(\d+),/.exec(head)?.[1];
  if (index === undefined) {
    throw new Error(`a record begins with ${head}`);
  }
  return Number(index);
}
