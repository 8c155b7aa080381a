import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { copyError, TemporaryCopy } from '../../src/store/temporary-copy.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('copies');
});
afterEach(async () => folder.remove());
installLeakGuard();

const copies = async (): Promise<string[]> => readdir(folder.path);

describe('a temporary copy', () => {
  it('is for its own user, and gone when it is disposed of', async () => {
    const before = process.listenerCount('exit');
    {
      await using copy = await TemporaryCopy.create('b-1', { parent: folder.path });
      await writeFile(join(copy.folder, 'part-w-1.ndjson'), '{}\n');
      expect((await stat(copy.dir)).mode & 0o777).toBe(0o700);
      expect(await copies()).toHaveLength(1);
    }
    expect(await copies()).toEqual([]);
    expect(process.listenerCount('exit')).toBe(before);
  });

  it('says where there is no room for it', async () => {
    await expect(
      TemporaryCopy.create('b-1', { parent: join(folder.path, 'gone') }),
    ).rejects.toMatchObject({
      code: 'RESULTS_UNREADABLE',
      message: expect.stringMatching(/copied to be read, and .*gone cannot be written: .*TMPDIR/u),
    });
    const full = Object.assign(new Error('ENOSPC: no space left'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    expect(copyError('/tmp/c', full).message).toBe(
      'the records have to be copied to be read, and /tmp/c cannot be written: the disk is full; ' +
        'TMPDIR names another folder for the copy',
    );
  });
});
