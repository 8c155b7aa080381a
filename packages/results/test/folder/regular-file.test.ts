import {
  appendFile,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import {
  FileSink,
  findFailureExamples,
  findFailures,
  measureBatch,
  readManifest,
  removeBatch,
  storedBatches,
  verifyParts,
} from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PartFiles } from '../../src/export/part-files.ts';
import { findRegular } from '../../src/folder/regular-file.ts';
import { BATCH, exported, layOut, manifestOf, recordLine } from '../record-lines.ts';
import { closeSockets, replaceBy, UNFIT, VICTIM, victimFor } from './unfit-files.ts';

let folder: TemporaryFolder;
/** The results folder. */
let dir: string;
let sinks: FileSink[];
beforeEach(async () => {
  folder = await temporaryFolder('unfit');
  dir = join(folder.path, 'results');
  sinks = [];
});
afterEach(async () => {
  await Promise.all(sinks.map(async (sink) => sink.stop()));
  await closeSockets();
  await folder.remove();
});
installLeakGuard();

const line = (index: number, outcome = 'ok'): string => recordLine({ index, outcome });
const pathOf = (name: string): string => join(dir, BATCH, name);
const scope = () => ({ dir, batch: BATCH, total: 4 });
const victim = async (): Promise<string> => readFile(join(folder.path, 'victim'), 'utf8');

const manifest = async (batch: string) => ({ ...manifestOf(4), batch });

async function startSink(): Promise<FileSink> {
  const sink = new FileSink({ dir, worker: 'w-1', manifest, maxOpenParts: 1 });
  sinks.push(sink);
  await sink.start();
  return sink;
}

/** A sink that has written a record of the batch, and has closed its part since. */
async function sinkWithClosedPart(): Promise<FileSink> {
  const sink = await startSink();
  await sink.append(BATCH, [line(0)]);
  await sink.append('other', [line(0)]);
  return sink;
}

describe.each(UNFIT)('%s', (_, make, kind) => {
  it('in place of a part is left out and named, and the other parts are read', async () => {
    await layOut(dir, manifestOf(4), { 'w-1-1': `${line(0)}\n${line(1, 'http-error')}\n` });
    const path = pathOf('part-w-2-1.ndjson');
    await replaceBy(make, path);
    const skippedParts = [`${path} is ${kind}, not a regular file`];
    expect(await exported({ dir })).toMatchObject({ written: 2, missing: 2, skippedParts });
    expect(await findFailures(scope())).toMatchObject({ groups: [{ count: 1 }], skippedParts });
    expect(await verifyParts(scope())).toMatchObject({ records: 2, foreign: 0, skippedParts });
    const outcomes = new Set(['http-error'] as const);
    expect((await findFailureExamples({ ...scope(), outcomes })).size).toBe(1);
  });

  it('in place of a part that was listed before is not opened', async () => {
    await layOut(dir, undefined, { 'w-1-1': `${line(0)}\n` });
    const path = pathOf('part-w-1-1.ndjson');
    const files = new PartFiles([await findRegular(path)]);
    await replaceBy(make, path);
    await expect(files.read(Buffer.alloc(4), 0)).rejects.toThrow(path);
    await files.stop();
  });

  it('in place of a closed part is not written to; its worker goes on in another one', async () => {
    const sink = await sinkWithClosedPart();
    await victimFor(pathOf('part'));
    await replaceBy(make, pathOf('part-w-1-1.ndjson'));
    const before = await lstat(pathOf('part-w-1-1.ndjson'));
    await expect(sink.append(BATCH, [line(1)])).rejects.toThrow(`is ${kind}`);
    await sink.append(BATCH, [line(1)]);
    expect(await exported({ dir })).toMatchObject({ lines: [line(1)], missing: 3 });
    expect(await victim()).toBe(VICTIM);
    expect((await lstat(pathOf('part-w-1-1.ndjson'))).ino).toBe(before.ino);
  });

  it('in place of a part that is open gets nothing either', async () => {
    const sink = await startSink();
    await sink.append(BATCH, [line(0)]);
    await victimFor(pathOf('part'));
    await replaceBy(make, pathOf('part-w-1-1.ndjson'));
    await expect(sink.append(BATCH, [line(1)])).rejects.toThrow('replaced');
    await sink.append(BATCH, [line(1)]);
    expect(await exported({ dir })).toMatchObject({ lines: [line(1)], missing: 3 });
    expect(await victim()).toBe(VICTIM);
  });

  it('with the name of the next part is passed over', async () => {
    const sink = await startSink();
    await mkdir(join(dir, BATCH));
    await victimFor(pathOf('part'));
    await replaceBy(make, pathOf('part-w-1-1.ndjson'));
    await sink.append(BATCH, [line(0)]);
    expect(await readFile(pathOf('part-w-1-2.ndjson'), 'utf8')).toBe(`${line(0)}\n`);
    expect(await victim()).toBe(VICTIM);
  });

  it('in place of a manifest is refused by readers, and is no batch for a removal', async () => {
    await layOut(dir, undefined, { 'w-1-1': `${line(0)}\n` });
    const path = pathOf('batch.json');
    await replaceBy(make, path);
    const reason = `${path} is ${kind}, not a regular file`;
    const refused = { code: 'RESULTS_UNREADABLE', message: reason };
    await expect(readManifest(dir, BATCH)).rejects.toMatchObject(refused);
    await expect(exported({ dir })).rejects.toMatchObject(refused);
    expect(await findFailures(scope())).toMatchObject({ groups: [], skippedParts: [] });
    expect(await storedBatches(dir)).toEqual([]);
    expect(await removeBatch(dir, BATCH)).toBe(reason);
    expect(await readdir(join(dir, BATCH))).toHaveLength(2);
  });

  it('in place of the marker stops a worker at its start', async () => {
    await mkdir(dir);
    const path = join(dir, '.fetchfleet-results');
    await replaceBy(make, path);
    await expect(startSink()).rejects.toThrow(`${path} is ${kind}`);
  });

  it('in place of the marker stops a worker that runs', async () => {
    const sink = await startSink();
    const path = join(dir, '.fetchfleet-results');
    await rename(path, join(folder.path, 'marker'));
    await replaceBy(make, path);
    await expect(sink.append(BATCH, [line(0)])).rejects.toThrow(`${path} is ${kind}`);
    expect(await readdir(dir)).not.toContain(BATCH);
  });

  it('beside the parts of a batch does not keep it from being removed, unless it is a folder', async () => {
    await layOut(dir, manifestOf(4), { 'w-1-1': `${line(0)}\n` });
    await victimFor(pathOf('part'));
    await replaceBy(make, pathOf('part-w-2-1.ndjson'));
    expect((await measureBatch(dir, BATCH))?.bytes).toBeLessThan(10_000);
    const reason = await removeBatch(dir, BATCH);
    expect(reason).toBe(
      kind === 'a folder' ? 'it holds something that no worker has written' : undefined,
    );
    expect(await victim()).toBe(VICTIM);
  });
});

describe.each(UNFIT.filter(([, , kind]) => kind !== 'a folder'))('%s', (_, make) => {
  it('in place of a manifest is replaced by a worker, and nothing is written through it', async () => {
    const sink = await startSink();
    await mkdir(join(dir, BATCH));
    await victimFor(pathOf('part'));
    await replaceBy(make, pathOf('batch.json'));
    await sink.append(BATCH, [line(0)]);
    expect(await readManifest(dir, BATCH)).toEqual(manifestOf(4));
    expect(await victim()).toBe(VICTIM);
  });
});

describe('another file in place of a part', () => {
  const others: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      'a copy',
      async () => {
        await copyFile(pathOf('part-w-1-1.ndjson'), pathOf('copy'));
        await rename(pathOf('copy'), pathOf('part-w-1-1.ndjson'));
      },
    ],
    [
      'a second name of a file elsewhere',
      async () =>
        replaceBy(async (path) => link(await victimFor(path), path), pathOf('part-w-1-1.ndjson')),
    ],
    ['the part, cut short', async () => truncate(pathOf('part-w-1-1.ndjson'), 10)],
    ['the part, with lines of others', async () => appendFile(pathOf('part-w-1-1.ndjson'), '{}\n')],
  ];
  it.each(others)('is not written to, and not truncated: %s', async (_, replace) => {
    const sink = await sinkWithClosedPart();
    await replace();
    const before = await readFile(pathOf('part-w-1-1.ndjson'), 'utf8');
    await expect(sink.append(BATCH, [line(1)])).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
    await sink.append(BATCH, [line(1)]);
    expect(await readFile(pathOf('part-w-1-1.ndjson'), 'utf8')).toBe(before);
    expect(await readFile(pathOf('part-w-1-2.ndjson'), 'utf8')).toBe(`${line(1)}\n`);
  });
});

describe('a batch folder that is a link', () => {
  let elsewhere: string;
  beforeEach(async () => {
    await layOut(dir, manifestOf(4), { 'w-9-1': `${line(0)}\n` });
    elsewhere = join(folder.path, 'elsewhere');
    await rename(join(dir, BATCH), elsewhere);
    await symlink(elsewhere, join(dir, BATCH));
  });
  const refused = { message: expect.stringContaining('is a symbolic link, not a folder') };

  it('is not written through', async () => {
    const before = await readdir(elsewhere);
    const sink = await startSink();
    await expect(sink.append(BATCH, [line(1)])).rejects.toMatchObject(refused);
    await expect(sink.append(BATCH, [line(1)])).rejects.toMatchObject(refused);
    await sink.append('other', [line(1)]);
    expect(await readdir(elsewhere)).toEqual(before);
  });

  it('is not written through by a worker that has written to the folder before', async () => {
    await replaceBy(async () => undefined, join(dir, BATCH));
    const sink = await startSink();
    await sink.append(BATCH, [line(1)]);
    await replaceBy(async (path) => symlink(elsewhere, path), join(dir, BATCH));
    const before = await readdir(elsewhere);
    await expect(sink.append(BATCH, [line(2)])).rejects.toThrow('cannot append');
    await expect(sink.append(BATCH, [line(2)])).rejects.toMatchObject(refused);
    expect(await readdir(elsewhere)).toEqual(before);
  });

  it('is not read, and what it leads to is not removed', async () => {
    await expect(exported({ dir })).rejects.toMatchObject(refused);
    await expect(findFailures(scope())).rejects.toMatchObject(refused);
    await expect(verifyParts(scope())).rejects.toMatchObject(refused);
    expect(await storedBatches(dir)).toEqual([]);
    expect(await measureBatch(dir, BATCH)).toMatchObject({ bytes: 0 });
    expect(await removeBatch(dir, BATCH)).toContain('is a symbolic link');
    expect(await readdir(elsewhere)).toHaveLength(2);
  });

  it('is the choice of the operator if it is the results folder', async () => {
    await replaceBy(async () => undefined, join(dir, BATCH));
    await rename(dir, join(folder.path, 'large'));
    await symlink('large', dir);
    const sink = await startSink();
    await sink.append(BATCH, [line(1)]);
    expect(await exported({ dir })).toMatchObject({ lines: [line(1)] });
  });
});

it('a name that would move the cursor is not the name of a part', async () => {
  await layOut(dir, manifestOf(4), { '\u001B[2J-1': `${line(0)}\n`, 'copy of w-1': '' });
  expect(await exported({ dir })).toMatchObject({ written: 0, skippedParts: [] });
});

describe('a giant file', () => {
  it.each(['text', 'a hole'])('in place of a manifest is not read: %s', async (content) => {
    await layOut(dir, undefined, { 'w-1-1': `${line(0)}\n` });
    await writeFile(pathOf('batch.json'), content === 'text' ? ' '.repeat(2 ** 20 + 1) : '');
    if (content === 'a hole') {
      await truncate(pathOf('batch.json'), 2 ** 40);
    }
    await expect(exported({ dir })).rejects.toThrow(/batch\.json has \d+ bytes; at most 1048576/u);
    expect(await storedBatches(dir)).toEqual([]);
    const sink = await startSink();
    await sink.append(BATCH, [line(1)]);
    expect(await readManifest(dir, BATCH)).toEqual(manifestOf(4));
  });

  it('in place of the marker stops a worker', async () => {
    await mkdir(dir);
    await writeFile(join(dir, '.fetchfleet-results'), 'x'.repeat(2000));
    await expect(startSink()).rejects.toThrow('.fetchfleet-results has 2000 bytes');
  });

  it('in place of a part is refused if no position in it could be kept', async () => {
    await layOut(dir, undefined, { 'w-1-1': '' });
    const part = await findRegular(pathOf('part-w-1-1.ndjson'));
    expect(() => new PartFiles([part, { ...part, size: 2 ** 47 + 1 }])).toThrow('128 TiB');
  });
});
