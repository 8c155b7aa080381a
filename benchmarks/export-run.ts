import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Running } from '@fetchfleet/testing';
import { startBuilt } from './binaries.ts';
import { EXPORT_BATCH, type PartOrder, writeParts } from './export-parts.ts';
import { residentBytes } from './process-usage.ts';

const SAMPLE_MS = 20;
const NEWLINE = 0x0a;

export interface ExportFigures {
  readonly order: PartOrder;
  readonly format: 'ndjson' | 'csv';
  readonly records: number;
  readonly bytes: number;
  /** Seconds of the whole command, from its start to its exit. */
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** Largest resident memory of the command; 0 if unknown. */
  readonly maxRssBytes: number;
}

export interface ExportRunOptions {
  /** Everything is written below this folder and removed. */
  readonly folder: string;
  /** @default 'fleet' */
  readonly order?: PartOrder;
  /** @default ['ndjson'] */
  readonly formats?: readonly ('ndjson' | 'csv')[];
  /** Runs per format; the figures are those of the fastest. @default 1 */
  readonly rounds?: number;
}

/**
 * Exports a generated batch with `fetchfleet export -o FILE`. Throws unless all records are in
 * order.
 */
export async function runExport(
  records: number,
  { folder, order = 'fleet', formats = ['ndjson'], rounds = 1 }: ExportRunOptions,
): Promise<ExportFigures[]> {
  await mkdir(folder, { recursive: true });
  const dir = await mkdtemp(join(folder, 'export-'));
  try {
    const bytes = writeParts(dir, records, order);
    const figures: ExportFigures[] = [];
    for (const format of formats) {
      const runs: ExportFigures[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const run = await exportOnce(dir, records, format);
        runs.push({ order, format, records, bytes, ...run });
      }
      const fastest = runs.toSorted((one, other) => one.seconds - other.seconds)[0];
      if (fastest !== undefined) {
        figures.push(fastest);
      }
    }
    return figures;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function exportOnce(
  dir: string,
  records: number,
  format: 'ndjson' | 'csv',
): Promise<Pick<ExportFigures, 'seconds' | 'recordsPerSecond' | 'maxRssBytes'>> {
  const file = join(dir, `out.${format}`);
  const args = ['export', EXPORT_BATCH, '--results', dir, '--format', format, '-o', file];
  const startedAt = performance.now();
  const program = await startBuilt('producer', args);
  const maxRssBytes = await watchMemory(program);
  const seconds = (performance.now() - startedAt) / 1000;
  const { code } = await program.exit;
  if (code !== 0) {
    throw new Error(`fetchfleet export ended with ${code}: ${program.stderr}`);
  }
  if (format === 'ndjson') {
    await assertComplete(file, records);
  }
  await rm(file);
  return { seconds, recordsPerSecond: records / seconds, maxRssBytes };
}

async function watchMemory(program: Running): Promise<number> {
  let most = 0;
  const timer = setInterval(() => {
    residentBytes(program.pid).then(
      (bytes) => (most = Math.max(most, bytes ?? 0)),
      () => clearInterval(timer),
    );
  }, SAMPLE_MS);
  try {
    await program.exit;
    return most;
  } finally {
    clearInterval(timer);
  }
}

/** Checks that every line starts like the record with its number. */
async function assertComplete(file: string, records: number): Promise<void> {
  let index = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 4 * 1024 ** 2 })) {
    const data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, from)) {
      const head = data.toString('latin1', from, from + 80);
      if (!head.startsWith(`{"batch":"${EXPORT_BATCH}","index":${index},`)) {
        throw new Error(`line ${index + 1} of ${file} is ${head}…`);
      }
      index += 1;
      from = end + 1;
    }
    rest = Buffer.from(data.subarray(from));
  }
  if (index !== records || rest.length > 0) {
    throw new Error(`${file} has ${index} complete lines of ${records}`);
  }
}
