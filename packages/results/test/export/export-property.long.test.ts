import { encodeRecord, lineText } from '@fetchfleet/crawl';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { verifyParts } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { cellsOf, naiveCells, naiveComplete, naiveExport } from './naive-export.ts';
import { BATCH, exported, layOut, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('export-property');
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

/** Numbers in [0, 1), the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Text with all characters that JSON or CSV must escape. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('a', ',', '"', '\\', '\n', '\r', '\t', ' ', '=', 'ü', '🎉'),
    maxLength: 12,
  }),
);
const failure = fc.record({ code: text, message: text });
const record = fc.record(
  {
    params: fc.record({ country: text, 'a "b", c': text }),
    url: text,
    method: fc.constantFrom('POST', 'HEAD'),
    outcome: fc.constantFrom('ok', 'timeout', 'http-error'),
    status: fc.nat(999),
    attempts: fc.nat(9),
    startedAt: fc.nat(9999).map((ms) => new Date(1_700_000_000_000 + ms).toISOString()),
    durationMs: fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
    bytes: fc.nat(),
    contentType: text,
    worker: text,
    finalUrl: text,
    error: failure,
  },
  {
    requiredKeys: [
      'params',
      'url',
      'outcome',
      'attempts',
      'startedAt',
      'durationMs',
      'bytes',
      'worker',
    ],
  },
);
const body = fc.option(
  fc.oneof(
    fc.json().map((json) => ({ bytes: Buffer.from(json), contentType: 'application/json' })),
    fc.constantFrom('1', '"a"', '[1, 2]', '{"a" :1e400,"body":"x"}').map((json) => ({
      bytes: Buffer.from(json),
      contentType: 'application/json',
    })),
    text.map((served) => ({ bytes: Buffer.from(served), contentType: 'text/plain' })),
    text.map((served) => ({
      bytes: Buffer.from(served, 'utf16le'),
      contentType: 'text/plain; charset=utf-16',
    })),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ bytes: Buffer.from(bytes) })),
  ),
  { nil: undefined },
);
const line = fc
  .tuple(fc.nat(40), record, body)
  .map(([index, rest, served]) => lineText(encodeRecord({ batch: BATCH, index, ...rest }, served)));

describe('exportBatch compared with a naive export', () => {
  const params = ['country', 'a "b", c'];

  it('writes the same records for any content, also range by range', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(line, { maxLength: 30 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 50 }),
        async (parts, maxIndexedRecords) => {
          const dir = await temporaryFolder('property');
          const contents = parts.map((lines) => lines.map((one) => `${one}\n`).join(''));
          const named = contents.map((content, at) => [`w${at}-1`, content] as const);
          try {
            await layOut(dir.path, manifestOf(41, params), Object.fromEntries(named));
            const expected = naiveExport(contents);
            const result = await exported({ dir: dir.path, maxIndexedRecords });
            expect(result.lines).toEqual(expected);
            expect(result).toMatchObject({ written: expected.length, skippedLines: 0 });
            const csv = await exported({ dir: dir.path, maxIndexedRecords, format: 'csv' });
            const [, ...rows] = cellsOf(csv.text);
            expect(rows).toEqual(expected.map((one) => naiveCells(one, params)));
          } finally {
            await dir.remove();
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('writes the same pages, however chains began anew, and knows which are whole', async () => {
    const pageLine = fc
      .tuple(fc.nat(12), fc.integer({ min: 1, max: 6 }), fc.boolean(), record)
      .map(([index, page, isLast, rest]) =>
        lineText(
          encodeRecord({ batch: BATCH, index, page, ...(isLast && { end: 'until' }), ...rest }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(pageLine, { minLength: 1, maxLength: 60 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.integer({ min: 1, max: 30 }),
        async (parts, maxIndexedRecords) => {
          const dir = await temporaryFolder('property');
          const contents = parts.map((lines) => lines.map((one) => `${one}\n`).join(''));
          const named = contents.map((content, at) => [`w${at}-1`, content] as const);
          try {
            await layOut(dir.path, manifestOf(13, params), Object.fromEntries(named));
            const expected = naiveExport(contents);
            const whole = naiveComplete(contents);
            const result = await exported({ dir: dir.path, maxIndexedRecords });
            expect(result.lines).toEqual(expected);
            expect(result).toMatchObject({ written: expected.length, missing: 13 - whole.length });
            const csv = await exported({ dir: dir.path, maxIndexedRecords, format: 'csv' });
            const [, ...rows] = cellsOf(csv.text);
            expect(rows).toEqual(expected.map((one) => naiveCells(one, params, true)));
            const verified = await verifyParts({ dir: dir.path, batch: BATCH, total: 13 });
            const found = Array.from({ length: 13 }, (_, index) => index).filter(verified.has);
            expect(found).toEqual(whole);
            expect(verified).toMatchObject({
              records: whole.length,
              pages: expected.length,
              doubled: contents.join('').split('\n').length - 1 - expected.length,
              foreign: 0,
            });
          } finally {
            await dir.remove();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('makes the same CSV rows from edited lines', async () => {
    const good = recordLine({ index: 0, body: '[1,2]' });
    const edits: readonly (readonly [string, string])[] = [
      ['"bytes":1223', '"bytes":-1'],
      ['"bytes":1223', '"bytes":1e3'],
      ['"durationMs":103.2', '"durationMs":1.5e-9'],
      ['"durationMs":103.2', '"durationMs":null'],
      [',"contentType":"application/json"', ''],
      [',"attempts":1', ' , "attempts" : 1'],
      ['"status":200,"attempts":1', '"attempts":1,"status":200'],
      ['"country":"c0"', '"country":"c0","city":"x"'],
      ['"country":"c0"', '"country":7'],
      ['"worker":"w-7c1e"', '"worker":"w-7c1e","more":[{"worker":"x"}]'],
      ['"worker":"w-7c1e"', '"worker":"w-7c1e","error":{"message":"m","code":"c"}'],
      ['"worker":"w-7c1e"', '"worker":"w-7c1e","error":{"code":"c"}'],
      ['"worker":"w-7c1e"', '"worker":"w-7c1e","error":{"code":"c","message":"m","more":1}'],
      ['"worker":"w-7c1e"', '"worker":"w-7c1e","bodyEncoding":"text"'],
      [',"body":[1,2]', ''],
    ];
    const lines = edits.map(([from, to], index) => {
      const edited = good.replace(from, to).replace('"index":0', `"index":${index}`);
      expect(edited).not.toBe(good.replace('"index":0', `"index":${index}`));
      return edited;
    });
    // An encoded body is a string.
    const comparable = lines.map((one) =>
      one.includes('bodyEncoding') ? one.replace('[1,2]', '"[1,2]"') : one,
    );
    const broken = ['01', '1.', '.5', '+1', 'x', '1 2', '""x'].map((value, at) =>
      good.replace('"bytes":1223', `"bytes":${value}`).replace('"index":0', `"index":${at + 50}`),
    );
    const content = [...comparable, ...broken, recordLine({ index: 99 })].join('\n');
    await layOut(folder.path, manifestOf(100), { 'a-1': `${content}\n` });
    const { text: csv, skippedLines } = await exported({ dir: folder.path, format: 'csv' });
    const rows = [...comparable, recordLine({ index: 99 })].map((one) =>
      naiveCells(one, ['country']),
    );
    const empty = rows.map((row) => row.map((cell) => (cell === 'null' ? '' : cell)));
    expect(cellsOf(csv).slice(1)).toEqual(empty);
    expect(skippedLines).toBe(broken.length);
  });

  it('writes scattered and long records in several windows and ranges', async () => {
    const random = randomFrom(7);
    const total = 48_000;
    const parts = ['', '', ''];
    const add = (index: number, outcome: string): void => {
      const long = index % 9000 === 17 ? { body: `"${'x'.repeat(60_000 + index)}"` } : {};
      parts[Math.floor(random() * 3)] += `${recordLine({ index, outcome, ...long })}\n`;
    };
    // The first third nearly in order, the second scattered, and some records twice.
    const scattered = Array.from(
      { length: total / 3 },
      (_, at) => total / 3 + ((at * 7919) % (total / 3)),
    );
    for (let index = 0; index < total / 3; index += 1) {
      add(index ^ (random() < 0.5 ? 7 : 0), 'ok');
    }
    for (const index of scattered) {
      add(index, random() < 0.1 ? 'timeout' : 'ok');
    }
    for (let index = (total / 3) * 2; index < total; index += 1) {
      add(index, 'ok');
    }
    for (let index = 0; index < total; index += 37) {
      add(index, 'timeout');
    }
    const named = parts.map((content, at) => [`w${at}-1`, `${content}{"batch":`] as const);
    await layOut(folder.path, manifestOf(total + 8), Object.fromEntries(named));
    const expected = naiveExport(parts);
    for (const options of [{}, { maxIndexedRecords: 20_000 }, { reuseChunks: true }]) {
      const result = await exported({ dir: folder.path, ...options });
      expect(result.text === expected.map((one) => `${one}\n`).join('')).toBe(true);
      expect(result).toMatchObject({
        written: expected.length,
        missing: total + 8 - expected.length,
        skippedLines: 3,
      });
    }
    const csv = await exported({ dir: folder.path, format: 'csv', reuseChunks: true });
    const cells = cellsOf(csv.text).slice(1);
    expect(cells).toHaveLength(expected.length);
    const isWrong = expected.findIndex(
      (one, at) => cells[at]?.join('|') !== naiveCells(one, ['country']).join('|'),
    );
    expect(isWrong).toBe(-1);
  });
});
