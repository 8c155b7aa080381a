import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { findFinishedBatch, FolderStore } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('finished');
});
afterEach(async () => folder.remove());
installLeakGuard();

interface Stored {
  readonly name?: string;
  readonly total: number;
  readonly records: number;
  readonly day: number;
}

async function store(batch: string, { name = 'list', total, records, day }: Stored): Promise<void> {
  const path = join(folder.path, batch);
  await mkdir(path);
  const createdAt = `2026-11-${day}T00:00:00.000Z`;
  const manifest = { ...manifestOf(total), batch, name, createdAt };
  await writeFile(join(path, 'batch.json'), JSON.stringify(manifest));
  const lines = Array.from({ length: records }, (_, index) => recordLine({ batch, index }));
  await writeFile(join(path, 'part-w-1.ndjson'), lines.map((line) => `${line}\n`).join(''));
}

const find = async (idOrName: string, dir = folder.path) =>
  findFinishedBatch(new FolderStore(dir), idOrName, { checkOut: async () => [dir] });

describe('findFinishedBatch', () => {
  it('finds the latest batch of a name that has a record of each fetch, or one by its id', async () => {
    await store('list-b', { total: 2, records: 2, day: 11 });
    await store('list-a', { total: 3, records: 3, day: 12 });
    await store('list-c', { total: 2, records: 1, day: 13 });
    await store('list-d', { total: 0, records: 4, day: 14 });
    await store('list-items-a', { name: 'list-items', total: 1, records: 1, day: 15 });
    expect(await find('list')).toEqual({ state: 'finished', batch: 'list-a' });
    expect(await find('list-b')).toEqual({ state: 'finished', batch: 'list-b' });
    expect(await find('list-items')).toEqual({ state: 'finished', batch: 'list-items-a' });
    expect(await find('list-c')).toEqual({ state: 'unfinished', batch: 'list-c', missing: 1 });
    // How many it has is not known yet.
    expect(await find('list-d')).toEqual({ state: 'unfinished', batch: 'list-d' });
    expect(await find('lis')).toEqual({ state: 'unknown' });
    expect(await find('other')).toEqual({ state: 'unknown' });
  });

  it('names the latest if none is finished, and finds nothing without a folder', async () => {
    await store('list-a', { total: 3, records: 1, day: 12 });
    await store('list-b', { total: 2, records: 0, day: 13 });
    expect(await find('list')).toEqual({ state: 'unfinished', batch: 'list-b', missing: 2 });
    expect(await find('list', join(folder.path, 'no'))).toEqual({ state: 'unknown' });
  });
});
