import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyParts } from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('verify');
});
afterEach(async () => folder.remove());
installLeakGuard();

const line = (index: number): string => `${recordLine({ index })}\n`;
const clean = { records: 0, doubled: 0, torn: 0, foreign: 0 };

async function verified(parts: readonly (string | Buffer)[], total = 10) {
  await mkdir(join(folder.path, BATCH));
  for (const [at, text] of parts.entries()) {
    await writeFile(join(folder.path, BATCH, `part-w-${at}-1.ndjson`), text);
  }
  return verifyParts({ dir: folder.path, batch: BATCH, total });
}

describe('the parts of a batch', () => {
  const cases: readonly (readonly [string, readonly string[], Partial<typeof clean>])[] = [
    ['no parts', [], {}],
    ['an empty part', [''], {}],
    ['records in several parts', [line(0) + line(9), line(4)], { records: 3 }],
    ['a record twice in one part', [line(1) + line(1)], { records: 1, doubled: 1 }],
    ['a record in three parts', [line(1), line(1), line(1)], { records: 1, doubled: 2 }],
    ['a torn last line', [line(0) + line(1).slice(0, 60)], { records: 1, torn: 1 }],
    ['a torn line before others', [`${line(1).slice(0, 60)}\n${line(0)}`], { records: 1, torn: 1 }],
    ['a last line without its newline', [line(0) + line(1).trimEnd()], { records: 1, torn: 1 }],
    [
      'zero bytes in a line',
      [`${line(0).replace('url', '\0\0\0')}${line(1)}`],
      { records: 1, torn: 1 },
    ],
    ['an index beyond the total', [line(10)], { foreign: 1 }],
    ['a record of another batch', [line(0).replaceAll(BATCH, 'x')], { foreign: 1 }],
    ['something else', ['{}\n'], { foreign: 1 }],
    [
      'a long torn line',
      [`${line(0).slice(0, 60)}${'x'.repeat(3_000_000)}\n${line(1)}`],
      { records: 1, torn: 1 },
    ],
    ['a long foreign line', [`{${' '.repeat(3_000_000)}}\n${line(1)}`], { records: 1, foreign: 1 }],
  ];
  it.each(cases)('are counted: %s', async (_, parts, expected) => {
    expect(await verified(parts)).toMatchObject({ ...clean, ...expected });
  });

  const damages: readonly (readonly [string, string | RegExp, string])[] = [
    ['a digit', '"status":200', '"status":2x0'],
    ['a brace', '"params":{', '"params":['],
    ['the quote of a URL', /("url":"[^"]*)"/u, '$1'],
    ['the quote of a body', '"body":"', '"body":x'],
    ['the name of a key', '"batch"', '"batch\t'],
    ['a character', 'http://', 'http:\u0080/'],
    ['the end', 'x"}', 'x}'],
  ];
  const sizes = [10, 3_000_000];
  const damagedLines = sizes.flatMap((size) => damages.map((damage) => [size, ...damage] as const));
  it.each(damagedLines)(
    'lack a line of %d bytes with damage at %s',
    async (size, _where, found, by) => {
      const whole = `${recordLine({ index: 1, body: JSON.stringify('x'.repeat(size)) })}\n`;
      // In latin1, a character above 0x7f is one byte, which is not UTF-8.
      const damaged = Buffer.from(whole.replace(found, by), 'latin1');
      const parts = [
        Buffer.concat([damaged, Buffer.from(line(0))]),
        Buffer.concat([Buffer.from(line(2)), damaged, damaged]),
        Buffer.from(line(1)),
      ];
      expect(await verified(parts.slice(0, 2))).toMatchObject({ ...clean, records: 2, torn: 3 });
      await rm(join(folder.path, BATCH), { recursive: true });
      const { has, ...counts } = await verified(parts);
      expect(counts).toMatchObject({ ...clean, records: 3, torn: 3 });
      expect(Array.from({ length: 10 }, (_, index) => index).filter(has)).toEqual([0, 1, 2]);
    },
  );

  it.each(sizes)('lack a page whose line of %d bytes is damaged', async (size) => {
    const page = (index: number, number: number, end = ''): string =>
      `${recordLine({ index, body: JSON.stringify('x'.repeat(size)) })}\n`.replace(
        `"index":${index},`,
        `"index":${index},"page":${number}${end},`,
      );
    const last = ',"end":"empty"';
    const fetches = [0, 1].map((index) => [page(index, 1), page(index, 2, last)]);
    const part = fetches.flat().join('').replace('"status":200', '"status":2x0');
    const { has, ...counts } = await verified([part]);
    expect(counts).toMatchObject({ ...clean, records: 1, pages: 3, torn: 1 });
    expect([has(0), has(1)]).toEqual([false, true]);
  });

  it('say which fetches have a record', async () => {
    const { has } = await verified([line(0), line(9)]);
    expect(Array.from({ length: 10 }, (_, index) => index).filter(has)).toEqual([0, 9]);
  });

  it('hold nothing if the batch has no folder', async () => {
    const content = await verifyParts({ dir: folder.path, batch: 'other', total: 3 });
    expect(content).toMatchObject(clean);
    expect(content.has(0)).toBe(false);
  });

  it('are not read further after an abort', async () => {
    await verified([line(0)]);
    await appendFile(join(folder.path, BATCH, 'part-w-0-1.ndjson'), line(1));
    const signal = AbortSignal.abort(new Error('enough'));
    const reading = verifyParts({ dir: folder.path, batch: BATCH, total: 3, signal });
    await expect(reading).rejects.toThrow('enough');
  });
});
