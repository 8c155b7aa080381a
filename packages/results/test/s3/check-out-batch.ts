// Copies a batch out of S3 and prints the folder, or why that failed.
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { S3Store } from '@fetchfleet/results/s3';
import { BATCH } from '../record-lines.ts';

const store = new S3Store({ url: 's3://fleet/results', env: process.env });
try {
  const copy = await store.checkOut(BATCH);
  process.stdout.write(`${copy.dirs[0]}\n`);
} catch (error) {
  process.stdout.write(`${String(error)}\n${readdirSync(tmpdir()).length} files are left\n`);
}
