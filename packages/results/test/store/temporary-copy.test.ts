import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
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

  it('is gone when the process ends', async () => {
    await using copy = await TemporaryCopy.create('b-1', { parent: folder.path });
    await writeFile(join(copy.folder, 'part-w-1.ndjson'), '{}\n');
    process.listeners('exit').at(-1)?.(0);
    expect(await copies()).toEqual([]);
  });

  it('removes what killed processes have left, and nothing of others', async () => {
    const { pid } = spawnSync('true');
    const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
    const prefix = `fetchfleet-copy-${machine}-`;
    const others = [
      `${prefix}1-a`,
      `${prefix}x-a`,
      `${prefix}-a`,
      `fetchfleet-copy-00000000-${pid}-a`,
      `fetchfleet-lists-${pid}`,
    ];
    // A container that starts again has the same process ids as before.
    for (const name of [...others, `${prefix}${pid}-a`, `${prefix}${process.pid}-a`]) {
      await mkdir(join(folder.path, name, 'b-1'), { recursive: true });
    }
    await mkdir(join(folder.path, 'target'));
    await symlink(join(folder.path, 'target'), join(folder.path, `${prefix}${pid}-b`));
    await using copy = await TemporaryCopy.create('b-1', { parent: folder.path });
    const left = (await copies()).filter((name) => join(folder.path, name) !== copy.dir);
    // A link is none of ours.
    const kept = [...others, 'target', `${prefix}${pid}-b`];
    expect(left.toSorted()).toEqual(kept.toSorted());
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
