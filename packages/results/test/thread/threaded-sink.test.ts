import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { encodeDraft, lineText, type RecordDraft } from '@fetchfleet/crawl';
import {
  type FlushEvent,
  type Manifest,
  SinkError,
  ThreadedSink,
  type ThreadedSinkOptions,
} from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WriterThread } from '../../src/thread/writer-thread.ts';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';

const LARGE = 300_000;

let folder: TemporaryFolder;
let dir = '';
let sinks: ThreadedSink[] = [];
beforeEach(async () => {
  folder = await temporaryFolder('threaded');
  dir = join(folder.path, 'results');
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(sinks.map(async (sink) => sink.stop()));
  sinks = [];
  await folder.remove();
});
installLeakGuard();

async function manifest(batch: string): Promise<Manifest> {
  return { ...manifestOf(7), batch };
}

async function startSink(options: Partial<ThreadedSinkOptions> = {}): Promise<ThreadedSink> {
  const sink = new ThreadedSink({ dir, worker: 'w-1', manifest, ...options });
  sinks.push(sink);
  await sink.start();
  return sink;
}

function draftOf(index: number, body: Buffer | string, contentType = 'application/json') {
  return { head: recordLine({ index }).slice(0, -1), body: Buffer.from(body), contentType };
}

/** The content of all parts of the batch, by name. */
async function parts(): Promise<Record<string, string>> {
  const names = (await readdir(join(dir, BATCH))).filter((name) => name.startsWith('part-'));
  const read = async (name: string) => readFile(join(dir, BATCH, name), 'utf8');
  return Object.fromEntries(
    await Promise.all(names.toSorted().map(async (name) => [name, await read(name)] as const)),
  );
}

function linesOf(drafts: readonly RecordDraft[]): string {
  return drafts.map((draft) => `${lineText(encodeDraft(draft))}\n`).join('');
}

/** The threads that were sent something since this was called. */
function spyOnThreads(): { readonly threads: () => Worker[] } {
  const spy = jest.spyOn(Worker.prototype, 'postMessage');
  return { threads: () => [...new Set(spy.mock.contexts as Worker[])] };
}

describe('a sink with a thread', () => {
  it('writes a little itself, and everything in the thread once there was much', async () => {
    const { threads } = spyOnThreads();
    const sink = await startSink({ bytesWithoutThread: 1_000 });
    const drafts = [0, 1, 2, 3, 4, 5].map((index) => draftOf(index, 'x'.repeat(300)));
    for (const draft of drafts) {
      await sink.append(BATCH, [draft]);
    }
    expect(threads()).toHaveLength(1);
    expect(await parts()).toEqual({
      'part-w-1-1.ndjson': linesOf(drafts.slice(0, 2)),
      'part-w-1-2.ndjson': linesOf(drafts.slice(2)),
    });
  });

  it('ends what it still writes itself when the thread takes over', async () => {
    const sink = await startSink({ bytesWithoutThread: 1 });
    // Encoding them takes longer than starting the thread.
    const many = Array.from({ length: 400 }, (_, index) => draftOf(index, 'é'.repeat(100_000)));
    const last = draftOf(400, '400');
    await Promise.all([sink.append(BATCH, many), sink.append(BATCH, [last])]);
    // Whoever comes first has the first part.
    const written = Object.values(await parts());
    expect(written.map(({ length }) => length).toSorted((one, other) => one - other)).toEqual([
      linesOf([last]).length,
      linesOf(many).length,
    ]);
  });

  it('starts no thread for a few small records', async () => {
    const { threads } = spyOnThreads();
    const sink = await startSink();
    await sink.append(BATCH, [recordLine({ index: 0 }), draftOf(1, '{}')]);
    expect(threads()).toEqual([]);
    expect(await parts()).toEqual({
      'part-w-1-1.ndjson': linesOf([recordLine({ index: 0 }), draftOf(1, '{}')]),
    });
  });

  it('writes bodies of every kind as it does without one', async () => {
    const sink = await startSink();
    const drafts = [
      draftOf(0, JSON.stringify({ a: 'é'.repeat(LARGE) })),
      recordLine({ index: 1, outcome: 'http-error' }),
      draftOf(2, '{"on":\n"several\\nlines"}\r\n'),
      draftOf(3, '{"broken":'),
      draftOf(4, '😀 text', 'text/plain'),
      draftOf(5, Buffer.from('Zo\xeb', 'latin1'), 'text/plain;charset=latin1'),
      draftOf(6, Buffer.from('Zoë', 'utf16le'), 'text/plain;charset=utf-16'),
      draftOf(7, Buffer.from([0, 255, 254]), 'image/png'),
      { ...draftOf(8, Buffer.from([0, 255])), contentType: undefined },
      draftOf(9, ''),
      draftOf(10, Buffer.alloc(5_000_000, 'large '), 'text/plain'),
    ];
    await sink.append(BATCH, drafts);
    expect(await parts()).toEqual({ 'part-w-1-1.ndjson': linesOf(drafts) });
  });

  it('may be given other bytes in the same memory as soon as an append has begun', async () => {
    const sink = await startSink({ bytesWithoutThread: 0 });
    await sink.append(BATCH, [draftOf(0, '0')]);
    const body = Buffer.from('1111');
    const appended = sink.append(BATCH, [{ ...draftOf(1, ''), body }]);
    await new Promise(setImmediate);
    body.fill('2');
    await appended;
    const [content = ''] = Object.values(await parts());
    expect(content.split('\n')[1]).toMatch(/"body":1111\}$/u);
  });

  it('compresses there', async () => {
    const sink = await startSink({ bytesWithoutThread: 0, compression: 'zstd' });
    await sink.append(BATCH, [draftOf(0, '{}')]);
    expect(Object.keys(await parts())).toEqual(['part-w-1-1.ndjson.zst']);
  });

  it('tells of its flushes', async () => {
    const flushes: FlushEvent[] = [];
    const observe = (event: FlushEvent): unknown => flushes.push(event);
    const sink = await startSink({ bytesWithoutThread: 0, observe });
    const drafts = [draftOf(0, '{}'), draftOf(1, '{}')];
    await sink.append(BATCH, drafts);
    await sink.stop();
    expect(flushes).toMatchObject([{ kind: 'flushed', bytes: linesOf(drafts).length }]);
  });

  it('asks for a manifest, and fails while there is none', async () => {
    let isThere = false;
    const sink = await startSink({
      bytesWithoutThread: 0,
      manifest: async (batch) => {
        if (!isThere) {
          throw new Error('Redis is away');
        }
        return { ...manifestOf(7), batch };
      },
    });
    await expect(sink.append(BATCH, [draftOf(0, '0')])).rejects.toThrow('Redis is away');
    isThere = true;
    await sink.append(BATCH, [draftOf(0, '0')]);
    expect(await parts()).toEqual({ 'part-w-1-1.ndjson': linesOf([draftOf(0, '0')]) });
  });

  it('says what it cannot write, in the words of the sink', async () => {
    const sink = await startSink({ bytesWithoutThread: 0 });
    await sink.append(BATCH, [draftOf(0, '0')]);
    await rename(dir, `${dir}-aside`);
    const error: unknown = await sink.append(BATCH, [draftOf(1, '1')]).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(SinkError);
    expect(error).toMatchObject({ code: 'SINK_UNWRITABLE', path: dir });
    expect(String(error)).toMatch(/^SinkError: cannot write results to .+: the folder is gone/u);
  });

  it('starts no thread in a folder that is not the one that was opened', async () => {
    const sink = await startSink({ bytesWithoutThread: 0 });
    await rename(dir, `${dir}-aside`);
    await expect(sink.append(BATCH, [draftOf(0, '0')])).rejects.toThrow('the folder is gone');
    await mkdir(dir);
    await startSink({ worker: 'w-2' });
    await expect(sink.append(BATCH, [draftOf(0, '0')])).rejects.toThrow('another folder');
    expect(await readdir(dir)).toEqual(['.fetchfleet-results']);
  });

  it('rejects what is under way when the thread dies, and starts another one', async () => {
    const { threads } = spyOnThreads();
    const sink = await startSink({ bytesWithoutThread: 0 });
    await sink.append(BATCH, [draftOf(0, '0')]);
    const lost = sink.append(BATCH, [draftOf(1, Buffer.alloc(3_000_000, ' 1'))]);
    await new Promise(setImmediate);
    await threads()[0]?.terminate();
    await expect(lost).rejects.toThrow('the thread that writes has ended');
    const drafts = [draftOf(2, '2'), draftOf(3, '3')];
    await Promise.all(drafts.map(async (draft) => sink.append(BATCH, [draft])));
    expect(threads()).toHaveLength(2);
    expect(await parts()).toMatchObject({ 'part-w-1-2.ndjson': linesOf(drafts) });
  });

  it('fails while a thread that has died cannot be started again, and goes on when it can', async () => {
    const { threads } = spyOnThreads();
    const sink = await startSink({ bytesWithoutThread: 0 });
    await sink.append(BATCH, [draftOf(0, '0')]);
    await threads()[0]?.terminate();
    const starting = jest.spyOn(WriterThread, 'start').mockRejectedValueOnce(new Error('EAGAIN'));
    await expect(sink.append(BATCH, [draftOf(1, '1')])).rejects.toThrow('EAGAIN');
    await sink.append(BATCH, [draftOf(1, '1')]);
    expect(starting).toHaveBeenCalledTimes(2);
    expect(Object.values(await parts()).join('')).toBe(linesOf([draftOf(0, '0'), draftOf(1, '1')]));
  });

  it('goes on without a thread where none can be started', async () => {
    const warnings: string[] = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((text) => warnings.push(String(text)));
    const program = new URL('file:///no/such/program.js');
    const sink = await startSink({ bytesWithoutThread: 0, program });
    const drafts = [draftOf(0, '0'), draftOf(1, 'x'.repeat(LARGE), 'text/plain'), draftOf(2, '2')];
    for (const draft of drafts) {
      await sink.append(BATCH, [draft]);
    }
    expect(warnings).toEqual([expect.stringMatching(/^records are written without a thread/u)]);
    expect(await parts()).toEqual({ 'part-w-1-1.ndjson': linesOf(drafts) });
  });

  it('ends appends when it stops, and rejects later ones', async () => {
    const sink = await startSink({ bytesWithoutThread: 0 });
    const drafts = [draftOf(0, '0'), draftOf(1, '1')];
    const waiting = Promise.all(drafts.map(async (draft) => sink.append(BATCH, [draft])));
    await new Promise(setImmediate);
    await Promise.all([sink.stop(), sink.stop()]);
    await waiting;
    expect(await parts()).toEqual({ 'part-w-1-1.ndjson': linesOf(drafts) });
    await expect(sink.append(BATCH, [draftOf(2, '2')])).rejects.toThrow('the sink is stopped');
  });
});
