import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  encodeRecord,
  type Crawl,
  type FetchRecord,
  lineText,
  type RecordBody,
} from '@fetchfleet/crawl';
import { type BatchRegistration, Ledger, Origins, Workers } from '@fetchfleet/fleet';
import type { Web } from './web-fixture.ts';

/** A fleet of its own in Redis. */
type Own = Pick<Web, 'redis' | 'keys'>;

const crawl: Crawl = {
  plan: {
    name: 'test',
    url: 'http://origin.example/{n}',
    params: ['n'],
    headers: {},
    politeness: {
      rate: 'unlimited',
      burst: 1,
      concurrency: 4,
      robots: 'ignore',
      patienceMs: 3_600_000,
    },
    retry: { attempts: 5, backoffMs: 1_000 },
    limits: { timeoutMs: 30_000, maxBodyBytes: 1_000_000, redirects: 5 },
    network: { allowPrivate: false, allow: [] },
  },
  sources: [{ name: 'n', kind: 'range', from: 0, to: 9_999 }],
  combine: 'product',
};

export function registration(id: string, total: number): BatchRegistration {
  return { id, crawl, total, sliceSize: 50, source: '/crawls/test.yaml', fingerprint: `f-${id}` };
}

/** A batch that runs, with some fetches settled. */
export async function runningBatch(
  { redis, keys }: Own,
  id: string,
  { total, ok, failed }: { readonly total: number; readonly ok: number; readonly failed: number },
): Promise<void> {
  const ledger = new Ledger(redis, keys);
  await ledger.register(registration(id, total));
  await ledger.expanded(id);
  await ledger.open(id);
  await settle({ redis, keys }, id, { from: 0, ok, failed });
}

export async function settle(
  { redis, keys }: Own,
  id: string,
  { from, ok, failed }: { readonly from: number; readonly ok: number; readonly failed: number },
): Promise<void> {
  const settlements = Array.from({ length: ok + failed }, (_, at) => ({
    index: from + at,
    outcome: at < ok ? ('ok' as const) : ('timeout' as const),
    durationMs: 5,
    bytes: 10,
  }));
  await new Ledger(redis, keys).settle(id, settlements);
}

/** A worker that reports once. */
export async function aliveWorker({ redis, keys }: Own, id = 'w-1'): Promise<void> {
  await new Workers(redis, keys).heartbeat({
    id,
    host: 'a',
    pid: 1,
    version: '1',
    transport: 'got',
    concurrency: 50,
    inFlight: 7,
    slices: 1,
    batches: [],
    state: 'working',
    roles: ['fetch'],
    fetchesPerSecond: 12.5,
    uptimeMs: 60_000,
    memoryBytes: 1_000_000,
    eventLoopLagMs: 2.5,
  });
}

/** Characters of the crawl of each of many batches: nobody who lists them needs it. */
const CRAWL_LENGTH = 2_000;

/** As many batches that have ended, and as many that run, without plans that can be read. */
export async function manyBatches(
  { redis, keys }: Own,
  counts: { readonly ended: number; readonly running: number },
): Promise<void> {
  const pipeline = redis.pipeline();
  const now = Date.now();
  for (let at = 0; at < counts.ended + counts.running; at += 1) {
    const id = `batch-${String(at).padStart(5, '0')}`;
    const isRunning = at >= counts.ended;
    const state = isRunning ? 'running' : at % 2 === 0 ? 'finished' : 'cancelled';
    const counters = { total: 10, settled: 10, failed: 0, sliceSize: 50 };
    const fields = { name: 'batch', state, ...counters, crawl: 'x'.repeat(CRAWL_LENGTH) };
    pipeline.hset(keys.batch(id), { ...fields, createdAt: now + at, startedAt: now + at });
    pipeline.zadd(keys.home.batches, now + at, id);
    if (isRunning) {
      pipeline.zadd(keys.home.unfinished, now + at, id);
    }
  }
  pipeline.zadd(keys.home.unfinished, now + counts.ended + counts.running, '');
  await pipeline.exec();
}

/** Origins that workers have worked on just now, each with a fetch that waits. */
export async function manyOrigins({ redis, keys }: Own, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => `https://o-${at}.example`);
  await new Origins(redis, keys).markActive(names);
  const pipeline = redis.pipeline();
  for (const name of names) {
    pipeline.hset(keys.gate(name), 'tail', 5);
    pipeline.zadd(keys.waitlist(name), 5 * 64 + 5, 'b.0');
  }
  await pipeline.exec();
}

type RecordFields = Partial<FetchRecord> & Pick<FetchRecord, 'batch' | 'index'>;

export function recordLine(record: RecordFields, body?: RecordBody): string {
  const line = encodeRecord(
    {
      params: { n: String(record.index) },
      url: `http://origin.example/${record.index}`,
      outcome: 'ok',
      status: 200,
      attempts: 1,
      startedAt: '2026-11-28T06:00:00.000Z',
      durationMs: 12.5,
      bytes: body?.bytes.length ?? 0,
      worker: 'w-1',
      ...record,
    },
    body,
  );
  return `${lineText(line)}\n`;
}

/** Appends a record to the part of a worker. */
export async function writeRecord(
  { results }: Pick<Web, 'results'>,
  record: RecordFields,
  { body, worker = 'w-1' }: { readonly body?: RecordBody; readonly worker?: string } = {},
): Promise<void> {
  await mkdir(join(results, record.batch), { recursive: true });
  const part = join(results, record.batch, `part-${worker}-1.ndjson`);
  await appendFile(part, recordLine({ worker, ...record }, body));
}
