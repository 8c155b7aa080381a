import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { VERSION } from '../../src/model/version.ts';

const ROOT = join(import.meta.dirname, '../../../..');

async function versionIn(file: string): Promise<unknown> {
  return JSON.parse(await readFile(join(ROOT, file), 'utf8')).version;
}

it('is the version in every package.json of the repository', async () => {
  const root = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const files = ['package.json'];
  for (const workspace of root.workspaces) {
    for await (const file of glob(`${workspace}/package.json`, { cwd: ROOT })) {
      files.push(file);
    }
  }
  expect(files.length).toBeGreaterThan(8);
  const versions = await Promise.all(files.map(async (file) => [file, await versionIn(file)]));
  expect(versions).toEqual(files.map((file) => [file, VERSION]));
});
