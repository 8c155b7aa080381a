import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { encodeRecord, type FetchRecord, lineText } from '@fetchfleet/crawl';

/**
 * How the indexes are distributed over the parts.
 *
 * - `fleet`: one origin. Workers take slices of 50 in order, and the fetches end in any order.
 * - `origins`: a thousand origins in turns, so a slice has every thousandth fetch.
 * - `scattered`: neighbouring indexes are far apart. No fleet writes that; it is the worst case.
 */
export type PartOrder = 'fleet' | 'origins' | 'scattered';

export const EXPORT_BATCH = 'export-20261123-0017-k3f9';

const WORKERS = 4;
const SLICE = 50;
const OPEN_SLICES = 8;
const ORIGINS = 1000;
/** A prime that does not divide the number of records. */
const STRIDE = 7_368_787;
const PART_BYTES = 512 * 1024 ** 2;
const WRITE_CHARACTERS = 1024 * 1024;
/** Shares of the fetches that are recorded later, and that have an earlier record of a failure. */
const RETRIED = 0.01;
const REPEATED = 0.002;

/**
 * Writes a batch of small records (260 bytes each) like four workers; returns its size in bytes.
 */
export function writeParts(dir: string, records: number, order: PartOrder): number {
  const folder = join(dir, EXPORT_BATCH);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'batch.json'), JSON.stringify(manifestOf(records)));
  const random = randomFrom(17);
  const workers = Array.from({ length: WORKERS }, (_, at) => new PartWriter(folder, `w-${at}`));
  const open: number[][] = Array.from({ length: WORKERS * OPEN_SLICES }, () => []);
  const later: number[] = [];
  let next = 0;
  let pending = open.length;
  while (pending > 0) {
    const at = Math.floor(random() * open.length);
    const slice = open[at] ?? [];
    if (slice.length === 0) {
      while (slice.length < SLICE && next < records) {
        slice.push(next++);
      }
      if (slice.length === 0) {
        slice.push(...later.splice(0, SLICE));
      }
      if (slice.length === 0) {
        pending = open.filter((left) => left.length > 0).length;
      }
      continue;
    }
    const writer = workers[at % WORKERS];
    const fetch = slice.splice(Math.floor(random() * slice.length), 1)[0] ?? 0;
    const fate = random();
    if (fate < RETRIED && next < records) {
      later.push(fetch);
    } else {
      writer?.record(indexOf(fetch, records, order), true);
    }
    if (fate > 1 - REPEATED) {
      writer?.record(indexOf(fetch, records, order), false);
    }
  }
  return workers.reduce((sum, worker) => sum + worker.end(), 0);
}

function indexOf(fetch: number, records: number, order: PartOrder): number {
  if (order === 'scattered') {
    return (fetch * STRIDE) % records;
  }
  const block = ORIGINS * SLICE;
  const start = fetch - (fetch % block);
  if (order === 'fleet' || start + block > records) {
    return fetch;
  }
  const within = fetch - start;
  return start + (within % SLICE) * ORIGINS + Math.floor(within / SLICE);
}

/** Writes the parts of one worker. The last line is cut, as by a crash. */
class PartWriter {
  readonly #folder: string;
  readonly #worker: string;
  #file = -1;
  #number = 0;
  #partBytes = 0;
  #bytes = 0;
  #text = '';

  constructor(folder: string, worker: string) {
    this.#folder = folder;
    this.#worker = worker;
  }

  record(index: number, isOk: boolean): void {
    this.#text += `${lineText(encodeRecord(recordOf(index, isOk, this.#worker)))}\n`;
    if (this.#text.length >= WRITE_CHARACTERS) {
      this.#flush();
    }
  }

  end(): number {
    this.#text += encodeRecord(recordOf(0, true, this.#worker)).slice(0, 100);
    this.#flush();
    closeSync(this.#file);
    return this.#bytes;
  }

  #flush(): void {
    if (this.#file < 0 || this.#partBytes >= PART_BYTES) {
      if (this.#file >= 0) {
        closeSync(this.#file);
      }
      this.#number += 1;
      this.#file = openSync(
        join(this.#folder, `part-${this.#worker}-${this.#number}.ndjson`),
        'wx',
      );
      this.#partBytes = 0;
    }
    this.#partBytes += this.#text.length;
    this.#bytes += this.#text.length;
    writeSync(this.#file, this.#text, undefined, 'latin1');
    this.#text = '';
  }
}

function recordOf(index: number, isOk: boolean, worker: string): FetchRecord {
  return {
    batch: EXPORT_BATCH,
    index,
    params: { id: String(index) },
    url: `http://127.0.0.1:8787/items/${index}`,
    outcome: isOk ? 'ok' : 'timeout',
    ...(isOk && { status: 200 }),
    attempts: 1,
    startedAt: '2026-11-23T00:17:04.120Z',
    durationMs: 103.2,
    bytes: 1223,
    ...(isOk && { contentType: 'application/json' }),
    worker,
    ...(!isOk && { error: { code: 'FETCH_TIMEOUT', message: 'no answer within 30 s' } }),
  };
}

function manifestOf(total: number): object {
  return {
    batch: EXPORT_BATCH,
    name: 'export',
    total,
    params: ['id'],
    url: 'http://127.0.0.1:8787/items/{id}',
    createdAt: '2026-11-23T00:17:00.000Z',
  };
}

/** Numbers in [0, 1), the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
