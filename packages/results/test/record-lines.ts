import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  type Manifest,
  exportBatch,
  type ExportOptions,
  type ExportSummary,
} from '@fetchfleet/results';

export const BATCH = 'covid-20261123-0017-k3f9';

export interface LineFields {
  readonly index: number;
  readonly batch?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly url?: string;
  readonly outcome?: string;
  readonly startedAt?: string;
  /** Raw JSON, written to the line unchanged. */
  readonly body?: string;
  readonly bodyEncoding?: 'text' | 'base64';
}

/** A record as workers write it, with its keys in the same order. */
export function recordLine(fields: LineFields): string {
  const { index, body, bodyEncoding, outcome = 'ok' } = fields;
  const head = JSON.stringify({
    batch: fields.batch ?? BATCH,
    index,
    params: fields.params ?? { country: `c${index}` },
    ...(fields.headers === undefined ? {} : { headers: fields.headers }),
    url: fields.url ?? `http://127.0.0.1:8787/country/c${index}`,
    outcome,
    status: outcome === 'ok' ? 200 : 503,
    attempts: 1,
    startedAt: fields.startedAt ?? '2026-11-23T00:17:04.120Z',
    durationMs: 103.2,
    bytes: 1223,
    contentType: 'application/json',
    worker: 'w-7c1e',
    ...(outcome === 'ok' ? {} : { error: { code: 'HTTP_503', message: 'it said "no"' } }),
    ...(bodyEncoding === undefined ? {} : { bodyEncoding }),
  });
  return body === undefined ? head : `${head.slice(0, -1)},"body":${body}}`;
}

export function manifestOf(total: number, params: readonly string[] = ['country']): Manifest {
  return {
    batch: BATCH,
    name: 'covid',
    total,
    params,
    url: 'http://127.0.0.1:8787/country/{country}',
    createdAt: '2026-11-23T00:17:00.000Z',
  };
}

/** Writes the files of a batch: its manifest and the raw content of each part by name. */
export async function layOut(
  dir: string,
  manifest: Manifest | undefined,
  parts: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  const folder = join(dir, BATCH);
  await mkdir(folder, { recursive: true });
  if (manifest !== undefined) {
    await writeFile(join(folder, 'batch.json'), JSON.stringify(manifest));
  }
  for (const [name, content] of Object.entries(parts)) {
    await writeFile(join(folder, `part-${name}.ndjson`), content);
  }
}

/** Exports to memory. */
export async function exported(
  options: Omit<ExportOptions, 'out' | 'batch' | 'format'> & { readonly format?: 'ndjson' | 'csv' },
): Promise<ExportSummary & { readonly text: string; readonly lines: readonly string[] }> {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(options.reuseChunks === true ? Buffer.from(chunk) : chunk);
      setImmediate(done);
    },
  });
  const summary = await exportBatch({ format: 'ndjson', ...options, batch: BATCH, out });
  const text = Buffer.concat(chunks).toString('utf8');
  return { ...summary, text, lines: text.split('\n').slice(0, -1) };
}
