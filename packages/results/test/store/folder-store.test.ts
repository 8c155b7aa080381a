import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Compression, FolderStore } from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder } from '@fetchfleet/testing';
import { describeStore, type Place } from './contract.ts';

installLeakGuard();

describeStore('a folder', async () => place('none'));
describeStore('a folder with compressed parts', async () => place('zstd'));

async function place(compression: Compression): Promise<Place> {
  const folder = await temporaryFolder('store');
  const dir = join(folder.path, 'results');
  const aside = join(folder.path, 'aside');
  return {
    open: async () => new FolderStore(dir, { compression }),
    damage: async () => {
      await rename(dir, aside);
      await writeFile(dir, '');
    },
    mend: async () => {
      await rm(dir);
      await rename(aside, dir);
    },
    replace: async () => {
      await rename(dir, aside);
      await mkdir(dir);
      await writeFile(join(dir, '.fetchfleet-results'), '0b9f5b7e-0000-4000-8000-000000000000\n');
    },
    addForeign: async (batch) => writeFile(join(dir, batch, 'notes.txt'), 'mine'),
    stop: async () => folder.remove(),
  };
}
