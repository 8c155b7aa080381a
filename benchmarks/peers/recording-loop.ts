/**
 * What records cost at least: the bare undici loop with the encoder and the sink of the worker.
 * Nothing else of it: no queue, no gate, no retries, and what is in flight at a crash is lost.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { draftLength, draftRecord, type RecordDraft } from '@fetchfleet/crawl';
import { EncodingSink, FileSink } from '@fetchfleet/results';
import { Agent, request } from 'undici';
import { measured, runConcurrently } from './measured.ts';

const BATCH = 'loop';
/** Records are flushed when there are as many bytes, and fetches wait while so many are not. */
const FLUSH_BYTES = 1024 * 1024;
const MAX_PENDING_BYTES = 32 * FLUSH_BYTES;
/** On the disk of the project, like the results of the workers. */
const CACHE = join(import.meta.dirname, '../../node_modules/.cache');

const dispatcher = new Agent({ pipelining: 1, allowH2: false });
await mkdir(CACHE, { recursive: true });
const dir = await mkdtemp(join(CACHE, 'recording-loop-'));
const files = new FileSink({
  dir,
  worker: BATCH,
  manifest: async (batch) => ({
    batch,
    name: BATCH,
    total: 1,
    params: ['n'],
    url: '{n}',
    createdAt: new Date().toISOString(),
  }),
});
const sink = new EncodingSink(files);
await sink.start();

const gathered = { drafts: [] as RecordDraft[], bytes: 0 };
/** Bytes that are not yet durable. */
const pending = { bytes: 0 };
const appends = new Set<Promise<void>>();

await measured(async (task, fetches) => {
  let next = 0;
  await runConcurrently(task, fetches, async (url) => {
    const draft = await fetchRecord(url, next++);
    gathered.drafts.push(draft);
    gathered.bytes += draftLength(draft);
    if (gathered.bytes >= FLUSH_BYTES) {
      flush();
    }
    while (pending.bytes > MAX_PENDING_BYTES) {
      await Promise.race(appends);
    }
  });
  flush();
  await Promise.all(appends);
});
await sink.stop();
await dispatcher.close();
await rm(dir, { recursive: true });

async function fetchRecord(url: string, index: number): Promise<RecordDraft> {
  const startedAt = new Date();
  const { statusCode, headers, body } = await request(url, { dispatcher });
  const bytes = Buffer.from(await body.arrayBuffer());
  if (statusCode !== 200) {
    throw new Error(`${url} answered ${statusCode}`);
  }
  return draftRecord(
    {
      batch: BATCH,
      index,
      params: { n: String(index) },
      url,
      outcome: 'ok',
      status: statusCode,
      attempts: 1,
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      bytes: bytes.length,
      contentType: String(headers['content-type']),
      worker: BATCH,
    },
    { bytes },
  );
}

function flush(): void {
  const { drafts, bytes } = gathered;
  Object.assign(gathered, { drafts: [], bytes: 0 });
  const appending = append(drafts, bytes).finally(() => appends.delete(appending));
  appends.add(appending);
}

async function append(drafts: readonly RecordDraft[], bytes: number): Promise<void> {
  pending.bytes += bytes;
  await sink.append(BATCH, drafts);
  pending.bytes -= bytes;
}
