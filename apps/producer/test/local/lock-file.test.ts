import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  installLeakGuard,
  startProcess,
  type TemporaryFolder,
  temporaryFolder,
} from '@fetchfleet/testing';
import { LockFile } from '../../src/local/lock-file.ts';

let folder: TemporaryFolder;
let path: string;

beforeEach(async () => {
  folder = await temporaryFolder('lock');
  path = join(folder.path, 'keeper.lock');
});

afterEach(async () => folder.remove());

installLeakGuard();

describe('a lock file', () => {
  it('has one owner until it is released', async () => {
    const lock = await LockFile.acquire(path);
    expect(lock).toBeDefined();
    expect(await LockFile.acquire(path)).toBeUndefined();
    await lock?.release();
    await lock?.release();
    expect(await LockFile.acquire(path)).toBeDefined();
  });

  it('is taken over from a dead owner by one of many processes', async () => {
    const dead = await startProcess('node', ['-e', '']);
    await dead.exit;
    await writeFile(path, JSON.stringify({ pid: dead.pid, born: '' }));
    const locks = await Promise.all(Array.from({ length: 8 }, async () => LockFile.acquire(path)));
    expect(locks.filter((lock) => lock !== undefined).length).toBeLessThanOrEqual(1);
    const lock = locks.find((one) => one !== undefined) ?? (await LockFile.acquire(path));
    expect(lock).toBeDefined();
  });

  it('is taken over from a process that has only the pid of the owner', async () => {
    await LockFile.acquire(path);
    const owner = JSON.parse(await readFile(path, 'utf8')) as { pid: number };
    await writeFile(path, JSON.stringify({ ...owner, born: 'another time' }));
    expect(await LockFile.acquire(path)).toBeDefined();
  });

  it('belongs to the process that has just created it, also while it is empty', async () => {
    await writeFile(path, '');
    expect(await LockFile.acquire(path)).toBeUndefined();
  });
});
