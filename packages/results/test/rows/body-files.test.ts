import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  installLeakGuard,
  startProcess,
  temporaryFolder,
  type TemporaryFolder,
} from '@fetchfleet/testing';
import { BodyFileError } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { layOut, manifestOf, recordLine } from '../record-lines.ts';
import { exportedRows } from './rows-fixture.ts';

let folder: TemporaryFolder;
let bodies: string;
beforeEach(async () => {
  folder = await temporaryFolder('bodies');
  bodies = join(folder.path, 'new', 'bodies');
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

async function exportBodies(lines: readonly string[]) {
  await layOut(folder.path, manifestOf(lines.length), { 'a-1': `${lines.join('\n')}\n` });
  return exportedRows({ dir: folder.path, bodies });
}

/** A record whose body is text or base64 of a type. */
function typed(index: number, type: string, bodyEncoding: 'text' | 'base64', body: string): string {
  return recordLine({ index, bodyEncoding, body: JSON.stringify(body) }).replace(
    '"application/json"',
    JSON.stringify(type),
  );
}

describe('bodies in files', () => {
  it('have names of index, page and type, and the bytes of the bodies', async () => {
    const json = '{"id":9007199254740993,"x":"ü\\u0000"}';
    const bytes = Buffer.from([0, 255, 10, 13]);
    const result = await exportBodies([
      recordLine({ index: 0, body: json }),
      typed(1, 'text/html; charset=utf-8', 'text', '<p>ü\u0000</p>\n'),
      typed(2, 'IMAGE/PNG', 'base64', bytes.toString('base64')),
      typed(3, '../../etc/passwd', 'text', ''),
      typed(4, 'application/json', 'text', '{'),
      typed(5, 'x/__proto__', 'base64', 'AA=='),
      recordLine({ index: 6, body: '[]' }).replace('"params"', '"page":3,"params"'),
      recordLine({ index: 7, outcome: 'timeout' }),
    ]);
    const names = ['0.json', '1.html', '2.png', '3.txt', '4.txt', '5.bin', '6-3.json'];
    expect((await readdir(bodies)).toSorted()).toEqual(names);
    const contents = await Promise.all(names.map(async (name) => readFile(join(bodies, name))));
    expect(contents.map((content) => content.toString('latin1'))).toEqual([
      Buffer.from(json).toString('latin1'),
      Buffer.from('<p>ü\u0000</p>\n').toString('latin1'),
      bytes.toString('latin1'),
      '',
      '{',
      '\0',
      '[]',
    ]);
    const records = result.lines.map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(records.map(({ bodyFile }) => bodyFile)).toEqual([...names, undefined]);
    expect(
      records.some((one) => 'body' in one || ('bodyFile' in one && 'bodyEncoding' in one)),
    ).toBe(false);
  });

  it('are written over, whatever their length was', async () => {
    await exportBodies([recordLine({ index: 0, body: '[1,2,3]' })]);
    await exportBodies([recordLine({ index: 0, body: '[]' })]);
    expect(await readFile(join(bodies, '0.json'), 'utf8')).toBe('[]');
  });

  it('are the selected parts', async () => {
    await layOut(folder.path, manifestOf(1), {
      'a-1': `${recordLine({ index: 0, body: '{"a":1.10}' })}\n`,
    });
    await exportedRows({ dir: folder.path, bodies, select: '$.a' });
    expect(await readFile(join(bodies, '0.json'), 'utf8')).toBe('1.10');
  });

  it.each([
    ['a symbolic link', async (path: string, other: string) => symlink(other, path)],
    ['a symbolic link', async (path: string) => symlink('nowhere', path)],
    ['a hard link', async (path: string, other: string) => link(other, path)],
    ['a folder', async (path: string) => mkdir(path)],
    [
      'a named pipe',
      async (path: string) => void (await (await startProcess('mkfifo', [path])).exit),
    ],
  ])('are not written through %s', async (kind, place) => {
    await mkdir(bodies, { recursive: true });
    const other = join(folder.path, 'other');
    await writeFile(other, 'of somebody else');
    await place(join(bodies, '0.json'), other);
    const refused = exportBodies([recordLine({ index: 0, body: '[]' })]);
    await expect(refused).rejects.toThrow(
      `0.json ${kind === 'a hard link' ? 'has 2 names: it is' : 'is'} ${kind}`,
    );
    await expect(refused).rejects.toBeInstanceOf(BodyFileError);
    expect(await readFile(other, 'utf8')).toBe('of somebody else');
  });

  it('say why their folder cannot be made', async () => {
    await writeFile(join(folder.path, 'new'), '');
    await expect(exportBodies([recordLine({ index: 0, body: '[]' })])).rejects.toThrow(
      /bodies cannot be written: ENOTDIR/u,
    );
  });
});
