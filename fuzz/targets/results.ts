import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { encodeRecord } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { connectRedis, fleetKeys, Ledger } from '@fetchfleet/fleet';
import { startRedis } from '@fetchfleet/testing';
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { runCommand } from '../cli.ts';
import { bytesNear, bytesOf } from '../mutations.ts';
import { Sentinel } from '../sentinel.ts';
import { holds, type Target } from '../target.ts';

const BATCH = 'fuzz-batch';
const ORPHAN = 'orphan-batch';
const TOTAL = 4;
const YEAR_2000 = new Date('2000-01-01');

/** What is in the folder of a batch. */
interface Entry {
  readonly name: string;
  readonly content:
    | { readonly kind: 'file'; readonly bytes: string }
    | { readonly kind: 'folder' | 'fifo' | 'link to a file' | 'link to a folder' | 'loop' };
}

interface Input {
  readonly batch: readonly Entry[];
  readonly orphan: readonly Entry[];
}

export const resultsTarget: Target = {
  name: 'results',
  title: 'parts and manifests: exports, failures, verify and prune end, and touch nothing else',
  cpuMs: 5_000,
  open: async ({ folder }) => {
    const sentinel = new Sentinel(join(folder, 'outside'));
    await sentinel.create();
    const server = await startRedis();
    await registerBatch(server.url);
    const place = { folder, sentinel, redisUrl: server.url };
    return {
      arbitrary: fc.record<Input>({ batch: entriesOf(BATCH), orphan: entriesOf(ORPHAN) }),
      check: async (input: Input) => check(input, place),
      close: async () => server.dispose(),
    };
  },
};

function entriesOf(batch: string): Arbitrary<Entry[]> {
  const manifest: Arbitrary<Entry> = fc.record({
    name: fc.constant('batch.json'),
    content: contentNear([manifestOf(batch)]),
  });
  const plain: Arbitrary<Entry> = fc.record({
    name: fc.constantFrom('part-w1-1.ndjson', 'part-w2-1.ndjson', 'part-w1-2.ndjson'),
    content: contentNear([partOf(batch)]),
  });
  const frame = zstdCompressSync(partOf(batch), {
    params: { [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const compressed: Arbitrary<Entry> = fc.record({
    name: fc.constantFrom('part-w1-1.ndjson.zst', 'part-w3-1.ndjson.zst'),
    content: contentNear([frame, Buffer.concat([frame, frame])]),
  });
  const part = fc.oneof({ weight: 2, arbitrary: plain }, { weight: 1, arbitrary: compressed });
  const other: Arbitrary<Entry> = fc.record({
    name: fc.constantFrom('notes.txt', 'part-x.ndjson', 'batch.json.1.tmp', '\u001b[31m', 'sub'),
    content: contentNear([Buffer.from('not ours')]),
  });
  return fc
    .tuple(
      fc.option(manifest, { freq: 9 }),
      fc.array(part, { maxLength: 2 }),
      fc.option(other, { freq: 1 }),
    )
    .map(([one, parts, more]) => [one, ...parts, more].filter((entry) => entry !== null));
}

function contentNear(examples: readonly Buffer[]): Arbitrary<Entry['content']> {
  const pieces = [
    BATCH,
    '"index":',
    ',"body":',
    '},"url":',
    '"outcome":"',
    '\n',
    '999999999999999',
  ];
  return fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant('file' as const),
        bytes: bytesNear(examples, pieces),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'folder' as const,
          'fifo' as const,
          'link to a file' as const,
          'link to a folder' as const,
          'loop' as const,
        ),
      }),
    },
  );
}

function manifestOf(batch: string): Buffer {
  const url = 'http://origin.example/{n}';
  const manifest = { batch, name: 'fuzz', total: TOTAL, params: ['n'], url, createdAt: 'then' };
  return Buffer.from(JSON.stringify(manifest));
}

function partOf(batch: string): Buffer {
  const outcomes = ['ok', 'http-error', 'timeout', 'ok'] as const;
  const lines = outcomes.map((outcome, index) =>
    encodeRecord(
      {
        batch,
        index,
        params: { n: `${index}` },
        url: `http://origin.example/${index}`,
        outcome,
        ...(outcome !== 'timeout' && { status: outcome === 'ok' ? 200 : 500 }),
        attempts: 1,
        startedAt: '2024-11-23T00:00:00.000Z',
        durationMs: 5,
        bytes: 2,
        worker: 'w1',
        ...(outcome === 'timeout' && { error: { code: 'FETCH_TIMEOUT', message: 'too late' } }),
      },
      { bytes: Buffer.from('{}'), contentType: 'application/json' },
    ),
  );
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** A batch that has ended, for the commands that compare the parts with the ledger. */
async function registerBatch(redisUrl: string): Promise<void> {
  const redis = await connectRedis(redisUrl);
  const ledger = new Ledger(redis, fleetKeys());
  const text = `url: http://origin.example/{n}\nparams: { n: { from: 0, to: ${TOTAL - 1} } }\n`;
  await ledger.register({
    id: BATCH,
    crawl: parseCrawlFile(text, 'fuzz.yaml'),
    total: TOTAL,
    sliceSize: 50,
    source: 'fuzz.yaml',
    fingerprint: 'fuzz',
  });
  await ledger.expanded(BATCH);
  const settlements = Array.from({ length: TOTAL }, (_, index) => ({
    index,
    outcome: 'ok' as const,
    durationMs: 5,
    bytes: 2,
  }));
  await ledger.settle(BATCH, settlements);
  redis.disconnect();
}

interface Place {
  readonly folder: string;
  readonly sentinel: Sentinel;
  readonly redisUrl: string;
}

async function check(input: Input, { folder, sentinel, redisUrl }: Place): Promise<void> {
  const results = join(folder, 'results');
  await rm(results, { recursive: true, force: true });
  await rm(join(folder, 'bodies'), { recursive: true, force: true });
  await write(join(results, BATCH), input.batch, sentinel);
  await write(join(results, ORPHAN), input.orphan, sentinel);
  const options = { cwd: folder, redisUrl };
  const run = async (args: readonly string[], isData = false): Promise<string> =>
    (await runCommand([...args, '--results', results], { ...options, isData })).stdout;
  const lines = await run(['export', BATCH], true);
  for (const line of lines.split('\n').filter((text) => text !== '')) {
    holds(isRecordOf(line, BATCH), 'an export has records of its batch only', line);
  }
  await run(['export', BATCH, '--format', 'csv'], true);
  await run(['export', BATCH, '--fields', 'index,params,body.a,error', '--select', '$..*'], true);
  await run(['export', BATCH, '--explode', '$[*]', '--format', 'csv'], true);
  const table = ['--format', 'parquet', '-o', join(folder, 'out.parquet')];
  await run(['export', BATCH, ...table]);
  await run(['export', BATCH, '--bodies', join(folder, 'bodies'), ...table]);
  await run(['failures', BATCH]);
  isJson(await run(['failures', BATCH, '--json'], true));
  await run(['verify', BATCH]);
  isJson(await run(['verify', BATCH, '--json'], true));
  // The orphan is old, the batch is not.
  await run(['prune', '--older-than', '1d', '--orphans', '--dry-run']);
  await run(['prune', '--older-than', '1d', '--orphans', '--yes']);
  await sentinel.check();
}

async function write(folder: string, entries: readonly Entry[], sentinel: Sentinel): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, content } of entries) {
    const path = join(folder, name);
    await rm(path, { recursive: true, force: true });
    if (content.kind === 'file') {
      await writeFile(path, bytesOf(content.bytes));
      await utimes(path, YEAR_2000, YEAR_2000);
    } else if (content.kind === 'folder') {
      await mkdir(path);
    } else if (content.kind === 'fifo') {
      execFileSync('mkfifo', [path]);
    } else {
      await symlink(targetOf(content.kind, sentinel, path), path);
    }
  }
  await utimes(folder, YEAR_2000, YEAR_2000);
}

function targetOf(
  kind: 'link to a file' | 'link to a folder' | 'loop',
  { folder, secretFile }: Sentinel,
  own: string,
): string {
  if (kind === 'loop') {
    return own;
  }
  return kind === 'link to a file' ? secretFile : folder;
}

function isRecordOf(line: string, batch: string): boolean {
  return line.startsWith(`{"batch":"${batch}","index":`);
}

function isJson(text: string): void {
  if (text !== '') {
    JSON.parse(text);
  }
}
