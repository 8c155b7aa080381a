import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  installLeakGuard,
  temporaryFolder,
  type TemporaryFolder as TestFolder,
} from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TemporaryFolder } from '../../src/temporary/temporary-folder.ts';

let parent: TestFolder;
beforeEach(async () => {
  parent = await temporaryFolder('parent');
});
afterEach(async () => parent.remove());
installLeakGuard();

const folders = async (): Promise<string[]> => readdir(parent.path);

describe('a temporary folder', () => {
  it('is for its own user, and gone when it is disposed of', async () => {
    const before = process.listenerCount('exit');
    {
      await using folder = await TemporaryFolder.create('query', parent.path);
      await writeFile(join(folder.path, 'answer'), '[]');
      expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
      expect(await folders()).toHaveLength(1);
    }
    expect(await folders()).toEqual([]);
    expect(process.listenerCount('exit')).toBe(before);
  });

  it('is gone when the process ends', async () => {
    await using folder = await TemporaryFolder.create('query', parent.path);
    await writeFile(join(folder.path, 'answer'), '[]');
    process.listeners('exit').at(-1)?.(0);
    expect(await folders()).toEqual([]);
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
    const abandoned = [
      `${prefix}${pid}-a`,
      `fetchfleet-query-${machine}-${pid}-a`,
      // A container that starts again has the same process ids as before.
      `${prefix}${process.pid}-a`,
    ];
    for (const name of [...others, ...abandoned]) {
      await mkdir(join(parent.path, name, 'b-1'), { recursive: true });
    }
    await mkdir(join(parent.path, 'target'));
    await symlink(join(parent.path, 'target'), join(parent.path, `${prefix}${pid}-b`));
    await using folder = await TemporaryFolder.create('diff', parent.path);
    const left = (await folders()).filter((name) => join(parent.path, name) !== folder.path);
    // A link is none of ours.
    const kept = [...others, 'target', `${prefix}${pid}-b`];
    expect(left.toSorted()).toEqual(kept.toSorted());
  });
});
