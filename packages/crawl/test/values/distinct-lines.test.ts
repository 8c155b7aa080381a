import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import * as fc from 'fast-check';
import type { ListFile } from '../../src/model/parameter-source.ts';
import { distinctLines } from '../../src/values/distinct-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => folder.remove());

async function distinct(lines: readonly string[]): Promise<string[]> {
  const path = join(folder.path, 'list');
  const rules = { trim: false, blank: 'refuse' } as const;
  const list: ListFile = { name: 'x', kind: 'file', path, format: 'ndjson', column: 'v', rules };
  await writeFile(path, lines.map((line) => `${line}\n`).join(''));
  let text = '';
  for await (const chunk of distinctLines(list)) {
    text += chunk;
  }
  expect(await readdir(folder.path)).toEqual(['list']);
  return text.split('\n').slice(0, -1);
}

describe('distinct lines', () => {
  it('are the first of their kind, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a-cé "]{0,3}$/)), async (lines) => {
        expect(await distinct(lines)).toEqual([...new Set(lines)]);
      }),
    );
  });

  it('are found also where their hashes do not fit into memory', async () => {
    const lines = Array.from({ length: 230_000 }, (_, at) => String((at * 7) % 200_003));
    // One text, because a comparison of so many takes seconds.
    expect((await distinct(lines)).join()).toBe([...new Set(lines)].join());
  });
});
