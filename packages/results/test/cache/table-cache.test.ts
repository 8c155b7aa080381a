import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCache, removeBatch, writeCache } from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { closeSockets, replaceBy, UNFIT, VICTIM, victimFor } from '../folder/unfit-files.ts';
import { BATCH, layOut, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('cache');
  await layOut(folder.path, manifestOf(1), { 'a-1': `${recordLine({ index: 0 })}\n` });
});
afterEach(async () => {
  await closeSockets();
  await folder.remove();
});
installLeakGuard();

const find = async () => findCache([folder.path], BATCH);
const write = async (path: string) =>
  writeCache(path, async (out) => {
    out.write('table');
  });

describe('the table beside the parts', () => {
  it('is fresh until a part, the manifest or the list of parts changes', async () => {
    const part = join(folder.path, BATCH, 'part-a-1.ndjson');
    const changes = [
      async () => utimes(part, 1, 1),
      async () => writeFile(part, `${recordLine({ index: 0 })}\n\n`),
      async () => layOut(folder.path, manifestOf(2), {}),
      async () => layOut(folder.path, manifestOf(2), { 'b-1': '' }),
    ];
    for (const change of changes) {
      const { path } = await find();
      await write(path);
      expect(await find()).toMatchObject({ path, isFresh: true });
      await change();
      expect(await find()).toMatchObject({ path: expect.not.stringMatching(path), isFresh: false });
    }
  });

  it('takes the place of older ones, and is removed with the batch', async () => {
    const batch = join(folder.path, BATCH);
    await writeFile(join(batch, 'records-0123456789abcdef.parquet'), 'older');
    await writeFile(join(batch, 'records-0123456789abcdef.parquet.01234567.tmp'), 'interrupted');
    await writeFile(join(batch, 'records-mine.parquet'), '');
    const { path } = await find();
    await write(path);
    expect(await readFile(path, 'utf8')).toBe('table');
    const left = (await readdir(batch)).filter((name) => /^records-0123.*parquet$/u.test(name));
    expect(left).toEqual([]);
    // The file of somebody else is kept, and the folder with it.
    expect(await removeBatch(folder.path, BATCH)).toContain('no worker has written');
    expect(await readdir(batch)).toEqual(['records-mine.parquet']);
  });

  it('leaves nothing if it cannot be written', async () => {
    const { path } = await find();
    const failing = writeCache(path, async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await readdir(join(folder.path, BATCH))).toEqual(['batch.json', 'part-a-1.ndjson']);
  });
});

describe.each(UNFIT)('%s', (_, make, kind) => {
  it('at the name of the table is not read, and nothing is written through it', async () => {
    const { path } = await find();
    const victim = await victimFor(path);
    await replaceBy(make, path);
    expect(await find()).toMatchObject({ path, isFresh: false });
    const written = await write(path).then(
      () => true,
      () => false,
    );
    // A folder cannot be replaced by a file.
    expect(written).toBe(kind !== 'a folder');
    expect(await readFile(victim, 'utf8')).toBe(VICTIM);
    expect((await find()).isFresh).toBe(written);
  });
});
