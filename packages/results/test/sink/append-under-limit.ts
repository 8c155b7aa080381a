// Runs in a process with a file size limit. Appends records, ten at a time and some groups at once,
// until all of a batch are acknowledged or 20 appends have failed, and prints the result.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSink, type Manifest, SinkError } from '@fetchfleet/results';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';

const RECORDS = 200;
const GROUP = 10;
const [dir = '', padding = '0', how = 'none', atOnce = '1'] = process.argv.slice(2);
const compression = how === 'zstd' ? 'zstd' : 'none';
const manifest = async (): Promise<Manifest> => manifestOf(0);
const sink = new FileSink({ dir, worker: 'w-1', compression, manifest });
const failures: string[] = [];
const groups = Array.from({ length: RECORDS / GROUP }, (_, group) => group * GROUP);
const acknowledged: number[] = [];

async function append(first: number): Promise<void> {
  const indexes = Array.from({ length: GROUP }, (_, offset) => first + offset);
  const body = JSON.stringify(randomBytes(Number(padding)).toString('base64'));
  try {
    await sink.append(
      BATCH,
      indexes.map((index) => recordLine({ index, body })),
    );
    acknowledged.push(...indexes);
  } catch (error) {
    if (!(error instanceof SinkError)) {
      throw error;
    }
    const { cause } = error;
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    failures.push(`${error.code} ${reason}`);
    groups.unshift(first);
  }
}

async function appendNext(): Promise<void> {
  for (let next = groups.shift(); next !== undefined; next = groups.shift()) {
    await append(next);
    if (failures.length >= 20) {
      return;
    }
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, appendNext));
await sink.stop();
const names = await readdir(join(dir, BATCH));
const parts = names.filter((name) => name.startsWith('part-')).length;
process.stdout.write(JSON.stringify({ acknowledged, failures, parts }));
