// Runs in a process with a file size limit. Appends records until all of a batch are acknowledged
// or 20 appends have failed, and prints the result.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSink, type Manifest, SinkError } from '@fetchfleet/results';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';

const RECORDS = 200;
const [dir = '', padding = '0', how = 'none'] = process.argv.slice(2);
const compression = how === 'zstd' ? 'zstd' : 'none';
const manifest = async (): Promise<Manifest> => manifestOf(0);
const sink = new FileSink({ dir, worker: 'w-1', compression, manifest });
const failures: string[] = [];
let acknowledged = 0;
while (acknowledged < RECORDS && failures.length < 20) {
  const indexes = Array.from({ length: 10 }, (_, offset) => acknowledged + offset);
  const body = JSON.stringify(randomBytes(Number(padding)).toString('base64'));
  try {
    await sink.append(
      BATCH,
      indexes.map((index) => recordLine({ index, body })),
    );
    acknowledged += indexes.length;
  } catch (error) {
    if (!(error instanceof SinkError)) {
      throw error;
    }
    const { cause } = error;
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    failures.push(`${error.code} ${reason}`);
  }
}
await sink.stop();
const names = await readdir(join(dir, BATCH));
const parts = names.filter((name) => name.startsWith('part-')).length;
process.stdout.write(JSON.stringify({ acknowledged, failures, parts }));
