import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileSink, FolderStore, type Manifest, probeResults, SinkError } from '@fetchfleet/results';
import {
  installLeakGuard,
  startProcess,
  temporaryFolder,
  type TemporaryFolder,
} from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, exported, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
let sink: FileSink;
beforeEach(async () => {
  folder = await temporaryFolder('faults');
  sink = new FileSink({ dir: folder.path, worker: 'w-1', manifest: async () => manifestOf(4) });
});
afterEach(async () => {
  await sink.stop();
  await folder.remove();
});
installLeakGuard();

/** @param blocks of 512 or 1024 bytes, depending on the shell */
async function appendUnderLimit(
  blocks: number,
  {
    padding,
    compression,
    atOnce = 1,
  }: { readonly padding: number; readonly compression: string; readonly atOnce?: number },
) {
  const script = fileURLToPath(new URL('./append-under-limit.ts', import.meta.url));
  const command = `ulimit -f ${blocks}; exec "$0" --conditions=@fetchfleet/source "$@"`;
  const args = [process.execPath, script, folder.path, `${padding}`, compression, `${atOnce}`];
  return startProcess('sh', ['-c', command, ...args]);
}

const line = (index: number): string => recordLine({ index });
const unwritable = { name: 'SinkError', code: 'SINK_UNWRITABLE' };

describe('FileSink on a failing file system', () => {
  it('does not acknowledge an append to a removed folder and continues in a new one', async () => {
    await sink.append(BATCH, [line(0)]);
    await rm(join(folder.path, BATCH), { recursive: true });
    await expect(sink.append(BATCH, [line(1)])).rejects.toMatchObject(unwritable);
    await sink.append(BATCH, [line(1)]);
    const result = await exported({ dir: folder.path });
    expect(result).toMatchObject({ lines: [line(1)], missing: 3 });
  });

  it('does not acknowledge an append to a folder that was moved', async () => {
    await sink.append(BATCH, [line(0)]);
    await rename(join(folder.path, BATCH), join(folder.path, 'elsewhere'));
    await mkdir(join(folder.path, BATCH));
    await writeFile(join(folder.path, BATCH, 'part-w-1-1.ndjson'), '');
    await expect(sink.append(BATCH, [line(1)])).rejects.toThrow('replaced');
    await sink.append(BATCH, [line(1)]);
    expect((await exported({ dir: folder.path })).lines).toEqual([line(1)]);
  });

  it('names path and reason while a file blocks its folder, and then continues', async () => {
    const path = join(folder.path, BATCH);
    await writeFile(path, '');
    const refused = {
      ...unwritable,
      message: expect.stringMatching(/cannot .*a file is where a folder/),
    };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(sink.append(BATCH, [line(0)])).rejects.toMatchObject(refused);
    }
    await rm(path);
    await sink.append(BATCH, [line(0)]);
    expect((await exported({ dir: folder.path })).lines).toEqual([line(0)]);
  });

  it('rejects while the manifest cannot be written, and leaves no temporary files', async () => {
    await mkdir(join(folder.path, BATCH, 'batch.json'), { recursive: true });
    await expect(sink.append(BATCH, [line(0)])).rejects.toMatchObject(unwritable);
    await expect(sink.append(BATCH, [line(0)])).rejects.toBeInstanceOf(SinkError);
    expect(await readdir(join(folder.path, BATCH))).toEqual(['batch.json']);
  });

  it('writes other batches while one cannot be written', async () => {
    await writeFile(join(folder.path, 'blocked'), '');
    const appends = [sink.append('blocked', ['{}']), sink.append(BATCH, [line(0)])];
    const states = (await Promise.allSettled(appends)).map(({ status }) => status);
    expect(states).toEqual(['rejected', 'fulfilled']);
  });

  it.each([
    ['none', 1, { blocks: 32, padding: 0 }],
    ['zstd', 1, { blocks: 32, padding: 4_000 }],
    // Flushes of more than a MiB, each of which is written while the one before it is synced.
    ['none', 8, { blocks: 32_768, padding: 200_000 }],
    ['zstd', 8, { blocks: 2_048, padding: 200_000 }],
  ])('acknowledges nothing of a partial write and goes on, %s, %i at once', async (...how) => {
    const [compression, atOnce, { blocks, padding }] = how;
    // A block is 512 or 1024 bytes, depending on the shell. The write that reaches it is short.
    const child = await appendUnderLimit(blocks, { padding, compression, atOnce });
    expect([await child.exit, child.stderr]).toEqual([{ code: 0, signal: null }, '']);
    const report = JSON.parse(child.stdout) as {
      acknowledged: number[];
      failures: string[];
      parts: number;
    };
    expect(report.failures.length).toBeGreaterThan(0);
    expect(new Set(report.failures)).toEqual(new Set(['SINK_UNWRITABLE EFBIG']));
    await using copy = await new FolderStore(folder.path).checkOut(BATCH);
    const result = await exported({ dir: copy.dirs, total: 200 });
    const written = result.lines.map((text) => (JSON.parse(text) as { index: number }).index);
    expect(written).toEqual(report.acknowledged.toSorted((a, b) => a - b));
    expect(result).toMatchObject({ skippedLines: 0, missing: 200 - written.length });
    expect(written.length).toBeGreaterThan(0);
    // It goes on in a new part. A write that fails is that of one append, or of those at once.
    expect(report.parts - 1).toBeLessThanOrEqual(report.failures.length);
    expect(report.parts - 1).toBeGreaterThanOrEqual(Math.ceil(report.failures.length / atOnce));
  });

  it('has what it acknowledged, though its folder was moved while much was written', async () => {
    const body = JSON.stringify('x'.repeat(300_000));
    const own = Array.from({ length: 60 }, (_, index) => recordLine({ index, body }));
    const manifest = async (): Promise<Manifest> => manifestOf(own.length);
    sink = new FileSink({ dir: folder.path, worker: 'w-1', manifest });
    const append = async (text: string): Promise<void> => sink.append(BATCH, [text]);
    const before = own.slice(0, -1).map(append);
    await Promise.race(before);
    const elsewhere = join(folder.path, 'elsewhere');
    await rename(join(folder.path, BATCH), elsewhere);
    // However fast the disk is, one of them comes too late.
    const ended = await Promise.allSettled([...before, ...own.slice(-1).map(append)]);
    const rejected = own.filter((_, index) => ended[index]?.status === 'rejected');
    expect(rejected.length).toBeGreaterThan(0);
    await sink.append(BATCH, rejected);
    const names = await readdir(elsewhere);
    for (const [at, name] of names.filter((one) => one.startsWith('part-')).entries()) {
      const back = join(folder.path, BATCH, `part-w-2-${at + 1}.ndjson`);
      await rename(join(elsewhere, name), back);
    }
    const result = await exported({ dir: folder.path });
    expect(result).toMatchObject({ written: own.length, missing: 0 });
  });

  it.each([
    ['none', 4_000],
    ['zstd', 40_000],
  ])('leaves no empty parts while nothing can be written, %s', async (compression, padding) => {
    const child = await appendUnderLimit(2, { padding, compression });
    await child.exit;
    const report: unknown = JSON.parse(child.stdout);
    expect(report).toMatchObject({ acknowledged: [], parts: 0 });
  });
});

describe('probeResults', () => {
  it('creates the folder with its ancestors and leaves it empty', async () => {
    const dir = join(folder.path, 'a', 'b');
    await probeResults(dir);
    await probeResults(dir);
    expect(await readdir(dir)).toEqual([]);
  });

  it.each(['file', 'file/below'])('explains why %s cannot be a results folder', async (name) => {
    await writeFile(join(folder.path, 'file'), '');
    const path = join(folder.path, name);
    const message = `cannot write results to ${path}: a file is where a folder is needed`;
    await expect(probeResults(path)).rejects.toMatchObject({
      ...unwritable,
      path,
      message: expect.stringContaining(message),
    });
  });

  it('rejects a file system that does not accept files', async () => {
    await expect(probeResults('/proc/fetchfleet')).rejects.toMatchObject(unwritable);
  });
});
