import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSink, type FileSinkOptions, type FlushEvent, readManifest } from '@fetchfleet/results';
import {
  eventually,
  installLeakGuard,
  temporaryFolder,
  type TemporaryFolder,
} from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, exported, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
let sinks: FileSink[] = [];
beforeEach(async () => {
  folder = await temporaryFolder('sink');
});
afterEach(async () => {
  await Promise.all(sinks.map(async (sink) => sink.stop()));
  sinks = [];
  await folder.remove();
});
installLeakGuard();

const manifestFor = async (batch: string) => ({ ...manifestOf(7), batch });

function startSink(options: Partial<FileSinkOptions> = {}): FileSink {
  const sink = new FileSink({ dir: folder.path, worker: 'w-1', manifest: manifestFor, ...options });
  sinks.push(sink);
  return sink;
}

const line = (index: number): string => recordLine({ index });
const text = async (name: string, batch = BATCH): Promise<string> =>
  readFile(join(folder.path, batch, name), 'utf8');
const partsOf = async (batch = BATCH): Promise<string[]> =>
  (await readdir(join(folder.path, batch))).filter((name) => name.startsWith('part-')).toSorted();

describe('FileSink', () => {
  it('has written all lines and the manifest when an append resolves', async () => {
    const sink = startSink();
    await sink.append(BATCH, [line(0), line(1)]);
    expect(await text('part-w-1-1.ndjson')).toBe(`${line(0)}\n${line(1)}\n`);
    expect(await readManifest(folder.path, BATCH)).toEqual(manifestOf(7));
    await sink.append(BATCH, [line(2)]);
    expect((await text('part-w-1-1.ndjson')).split('\n')).toHaveLength(4);
    expect((await readdir(join(folder.path, BATCH))).toSorted()).toEqual([
      'batch.json',
      'part-w-1-1.ndjson',
    ]);
  });

  it('combines all appends that arrive during a flush in the next one', async () => {
    const flushes: FlushEvent[] = [];
    const sink = startSink({ observe: (event) => flushes.push(event) });
    const indexes = Array.from({ length: 500 }, (_, index) => index);
    await Promise.all(indexes.map(async (index) => sink.append(BATCH, [line(index)])));
    expect(flushes.length).toBeLessThan(5);
    const content = await text('part-w-1-1.ndjson');
    expect(flushes.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(Buffer.byteLength(content));
    expect((await exported({ dir: folder.path, total: 500 })).lines).toHaveLength(7);
    expect(content).toBe(indexes.map((index) => `${line(index)}\n`).join(''));
  });

  it('writes appends larger than a flush completely and in order', async () => {
    const sink = startSink({ manifest: async () => manifestOf(0) });
    // Pairs of surrogates lie across the chunks of every second record.
    const long = Array.from({ length: 6 }, (_, index) =>
      recordLine({
        index,
        body: JSON.stringify(`${'x'.repeat(index)}${'ü\uffe6😀'.repeat(750_000)}`),
      }),
    );
    await Promise.all([sink.append(BATCH, long.slice(0, 4)), sink.append(BATCH, long.slice(4))]);
    expect((await text('part-w-1-1.ndjson')) === `${long.join('\n')}\n`).toBe(true);
  });

  it('starts a new part when one is full or from an earlier process', async () => {
    await mkdir(join(folder.path, BATCH), { recursive: true });
    await writeFile(join(folder.path, BATCH, 'part-w-1-1.ndjson'), 'torn');
    const sink = startSink({ maxPartBytes: 500 });
    for (const index of [0, 1, 2, 3]) {
      await sink.append(BATCH, [line(index)]);
    }
    expect(await partsOf()).toEqual([
      'part-w-1-1.ndjson',
      'part-w-1-2.ndjson',
      'part-w-1-3.ndjson',
    ]);
    expect(await text('part-w-1-1.ndjson')).toBe('torn');
    expect(await exported({ dir: folder.path })).toMatchObject({ written: 4, skippedLines: 1 });
  });

  it('keeps few files open and continues the same part of a batch', async () => {
    const sink = startSink({ maxOpenParts: 2 });
    const batches = Array.from({ length: 10 }, (_, number) => `b-${number}`);
    for (const index of [0, 1, 2]) {
      for (const batch of batches) {
        await sink.append(batch, [recordLine({ index, batch })]);
      }
    }
    const descriptors = await readdir('/proc/self/fd').catch(() => []);
    const targets = await Promise.all(descriptors.map(async (fd) => linkOf(fd)));
    expect(targets.filter((target) => target.startsWith(folder.path)).length).toBeLessThanOrEqual(
      3,
    );
    for (const batch of batches) {
      expect(await partsOf(batch)).toEqual(['part-w-1-1.ndjson']);
      expect((await text('part-w-1-1.ndjson', batch)).split('\n')).toHaveLength(4);
    }
  });

  it('separates the parts of workers that start at once, and keeps a known total', async () => {
    const workers = Array.from({ length: 8 }, (_, number) => number);
    const started = workers.map((number) =>
      startSink({ worker: `w-${number}`, manifest: async () => manifestOf(number === 3 ? 8 : 0) }),
    );
    await Promise.all(started.map(async (sink, index) => sink.append(BATCH, [line(index)])));
    expect((await readManifest(folder.path, BATCH))?.total).toBe(8);
    expect(await exported({ dir: folder.path })).toMatchObject({ written: 8, missing: 0 });
    expect(await readdir(join(folder.path, BATCH))).toHaveLength(9);
  });

  it('writes the total to the manifest as soon as it is known', async () => {
    let total = 0;
    const sink = startSink({ manifest: async () => manifestOf(total) });
    await sink.append(BATCH, [line(0)]);
    expect((await readManifest(folder.path, BATCH))?.total).toBe(0);
    total = 12;
    await eventually(async () => {
      await sink.append(BATCH, [line(1)]);
      return (await readManifest(folder.path, BATCH))?.total === 12;
    });
  });

  it('rejects an append while its manifest is unavailable, and writes it afterwards', async () => {
    let isDown = true;
    const manifest = async () => {
      if (isDown) {
        throw new Error('no answer');
      }
      return manifestOf(7);
    };
    const sink = startSink({ manifest });
    await expect(sink.append(BATCH, [line(0)])).rejects.toThrow('no answer');
    isDown = false;
    await sink.append(BATCH, [line(0)]);
    expect(await text('part-w-1-1.ndjson')).toBe(`${line(0)}\n`);
  });

  it('flushes pending appends when it stops, and rejects later ones', async () => {
    const sink = startSink();
    const waiting = Promise.all([sink.append(BATCH, [line(0)]), sink.append(BATCH, [line(1)])]);
    await Promise.all([sink.stop(), sink.stop()]);
    expect(await text('part-w-1-1.ndjson')).toBe(`${line(0)}\n${line(1)}\n`);
    await waiting;
    await expect(sink.append(BATCH, [line(2)])).rejects.toThrow('the sink is stopped');
    await startSink().stop();
  });

  it('rejects ids that point outside the folder', async () => {
    const sink = startSink();
    for (const batch of ['../b', '..', '', 'a/b', 'a\\b', 'a\0']) {
      await expect(sink.append(batch, [line(0)])).rejects.toMatchObject({
        code: 'RESULTS_INVALID_ID',
      });
    }
    expect(() => startSink({ worker: '../w' })).toThrow('is not a worker id');
    expect(await readdir(folder.path)).toEqual([]);
  });
});

async function linkOf(descriptor: string): Promise<string> {
  return readlink(`/proc/self/fd/${descriptor}`).catch(() => '');
}
