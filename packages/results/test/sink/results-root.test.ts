import { cp, mkdir, readdir, readFile, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSink } from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, exported, manifestOf, recordLine } from '../record-lines.ts';

const MARKER = '.fetchfleet-results';
const another = { name: 'SinkError', message: expect.stringContaining('another folder') };

let folder: TemporaryFolder;
let dir: string;
let aside: string;
let sinks: FileSink[];
let sink: FileSink;
beforeEach(async () => {
  folder = await temporaryFolder('root');
  dir = join(folder.path, 'results');
  aside = join(folder.path, 'aside');
  sinks = [];
  sink = await startSink();
});
afterEach(async () => {
  await Promise.all(sinks.map((one) => one.stop()));
  await folder.remove();
});
installLeakGuard();

async function startSink(worker = 'w-1', at = dir): Promise<FileSink> {
  const one = new FileSink({ dir: at, worker, manifest: async () => manifestOf(4) });
  sinks.push(one);
  await one.start();
  return one;
}

const line = (index: number): string => recordLine({ index });
const marker = async (): Promise<string> => readFile(join(dir, MARKER), 'utf8');

describe('the results folder of a sink', () => {
  it('is created with its ancestors and gets a marker', async () => {
    await startSink('w-2', join(folder.path, 'a', 'b'));
    expect(await readdir(join(folder.path, 'a', 'b'))).toEqual([MARKER]);
    expect(await readFile(join(folder.path, 'a', 'b', MARKER), 'utf8')).toMatch(/^[\da-f-]{36}\n$/);
  });

  it('keeps its marker, which every worker accepts, also when they start at once', async () => {
    const before = await marker();
    const workers = await Promise.all([1, 2, 3, 4].map(async (n) => startSink(`w-${n}`)));
    await Promise.all(workers.map(async (one, n) => one.append(BATCH, [line(n)])));
    expect(await marker()).toBe(before);
    expect(await exported({ dir })).toMatchObject({ written: 4, missing: 0 });
  });

  it('gets one marker from workers that start at once in an empty folder', async () => {
    const empty = join(folder.path, 'empty');
    const workers = await Promise.all([1, 2, 3, 4].map(async (n) => startSink(`w-${n}`, empty)));
    await rename(empty, aside);
    await rename(aside, empty);
    await Promise.all(workers.map(async (one, n) => one.append(BATCH, [line(n)])));
    expect(await exported({ dir: empty })).toMatchObject({ written: 4, missing: 0 });
  });

  it('gets a marker if a version without markers has written to it', async () => {
    await sink.append(BATCH, [line(0)]);
    await unlink(join(dir, MARKER));
    const later = await startSink('w-2');
    await later.append(BATCH, [line(1)]);
    expect(await exported({ dir })).toMatchObject({ written: 2 });
  });
});

describe('a results folder that becomes another one', () => {
  const replacements: readonly [string, () => Promise<unknown>][] = [
    ['an empty folder', async () => mkdir(dir)],
    ['a results folder of its own', async () => startSink('w-9')],
    [
      'a symbolic link that turned',
      async () => {
        await mkdir(join(folder.path, 'target'));
        await symlink('target', dir);
      },
    ],
    [
      'a folder that has this batch',
      async () => {
        await cp(aside, dir, { recursive: true });
        await unlink(join(dir, MARKER));
      },
    ],
  ];
  it.each(replacements)('gets no records: %s', async (_, replace) => {
    await sink.append(BATCH, [line(0)]);
    await rename(dir, aside);
    await replace();
    const before = await readdir(dir, { recursive: true });
    await expect(sink.append(BATCH, [line(1)])).rejects.toMatchObject(another);
    await expect(sink.append('other', ['{}'])).rejects.toMatchObject(another);
    expect(await readdir(dir, { recursive: true })).toEqual(before);
    await rm(dir, { recursive: true });
    await rename(aside, dir);
    await sink.append(BATCH, [line(1)]);
    expect(await exported({ dir })).toMatchObject({ lines: [line(0), line(1)], missing: 2 });
  });

  it('is not created again', async () => {
    await sink.append(BATCH, [line(0)]);
    await rename(dir, aside);
    await expect(sink.append(BATCH, [line(1)])).rejects.toThrow('is gone');
    await expect(sink.append('other', ['{}'])).rejects.toThrow('is gone');
    expect(await readdir(folder.path)).toEqual(['aside']);
  });

  it('gets records if it is the same one on another device: its marker has the same id', async () => {
    await sink.append(BATCH, [line(0)]);
    await cp(dir, aside, { recursive: true });
    await rm(dir, { recursive: true });
    await rename(aside, dir);
    await expect(sink.append(BATCH, [line(1)])).rejects.toThrow('replaced');
    await sink.append(BATCH, [line(1)]);
    expect(await exported({ dir })).toMatchObject({ lines: [line(0), line(1)] });
  });

  it('gets its marker again if it was only emptied', async () => {
    const before = await marker();
    await sink.append(BATCH, [line(0)]);
    await Promise.all(
      (await readdir(dir)).map(async (name) => rm(join(dir, name), { recursive: true })),
    );
    await expect(sink.append(BATCH, [line(1)])).rejects.toThrow('cannot append');
    await sink.append(BATCH, [line(1)]);
    expect([await marker(), (await exported({ dir })).lines]).toEqual([before, [line(1)]]);
  });
});
