import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { bodyText } from '@fetchfleet/crawl';
import { anyText } from '@fetchfleet/testing/any-text';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { exported, layOut, manifestOf, recordLine } from '../record-lines.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('csv');
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

const FIXED =
  'url outcome status attempts startedAt durationMs bytes contentType worker finalUrl error.code error.message charset bodyEncoding body';

async function rowsOf(isCsvSafe = false): Promise<string[][]> {
  return parse((await exported({ dir: folder.path, format: 'csv', isCsvSafe })).text);
}

describe('exportBatch as CSV', () => {
  it('has a column for each parameter and field, in a fixed order', async () => {
    const params = { country: 'kenya', year: '2020' };
    const failed = recordLine({ index: 1, params, outcome: 'http-error' });
    await layOut(folder.path, manifestOf(2, ['country', 'year']), {
      'a-1': `${failed}\n${recordLine({ index: 0, params, body: '[1]' })}\n`,
    });
    const at = '2026-11-23T00:17:04.120Z';
    const failure = ['', 'HTTP_503', 'it said "no"', '', '', ''];
    const common = ['1', at, '103.2', '1223', 'application/json', 'w-7c1e'];
    expect(await rowsOf()).toEqual([
      ['index', 'country', 'year', ...FIXED.split(' ')],
      [
        '0',
        'kenya',
        '2020',
        'http://127.0.0.1:8787/country/c0',
        'ok',
        '200',
        ...common,
        '',
        '',
        '',
        '',
        '',
        '[1]',
      ],
      [
        '1',
        'kenya',
        '2020',
        'http://127.0.0.1:8787/country/c1',
        'http-error',
        '503',
        ...common,
        ...failure,
      ],
    ]);
  });

  it('renames a parameter that has the name of a field', async () => {
    const params = { url: 'u', 'param.url': 'v', index: 'i' };
    await layOut(folder.path, manifestOf(1, Object.keys(params)), {
      'a-1': `${recordLine({ index: 0, params })}\n`,
    });
    const [header, row] = await rowsOf();
    expect(header?.slice(0, 5)).toEqual([
      'index',
      'param.url',
      'param.param.url',
      'param.index',
      'url',
    ]);
    expect(row?.slice(0, 4)).toEqual(['0', 'u', 'v', 'i']);
  });

  it.each([
    [
      ['etag', 'link'],
      ['headers.etag', 'headers.link'],
      ['"x,y"', ''],
      ['', ''],
    ],
    ['all' as const, ['headers'], ['{"etag":"\\"x,y\\"","body":"1","url":"2"}'], ['']],
  ])('has columns for kept headers: %j', async (headers, columns, kept, none) => {
    const given = { etag: '"x,y"', body: '1', url: '2' };
    await layOut(
      folder.path,
      { ...manifestOf(2), headers },
      {
        'a-1': `${recordLine({ index: 0, headers: given, body: '[1]' })}\n${recordLine({ index: 1 })}\n`,
      },
    );
    const [header = [], ...rows] = await rowsOf();
    expect(header.slice(12, -5)).toEqual(columns);
    expect(rows.map((row) => row.slice(12, -5))).toEqual([kept, none]);
    expect(rows.map((row) => row.at(-1))).toEqual(['[1]', '']);
  });

  it('preserves bodies: JSON digit by digit, text unquoted, binary as base64', async () => {
    const text = 'a,b;"c"\r\nsecond\rthird\n=1+1 ünï 🎉 \u2028';
    const raw = '{"n" :12345678901234567890.10,"body":"x, y", "e":1e400}';
    const bodies = [
      { body: raw },
      { body: '"a JSON string"' },
      { body: JSON.stringify(text), bodyEncoding: 'text' },
      { body: '"/wD+"', bodyEncoding: 'base64' },
      { body: '""', bodyEncoding: 'text' },
      {},
    ] as const;
    const lines = bodies.map((body, index) => recordLine({ index, ...body }));
    await layOut(folder.path, manifestOf(6), { 'a-1': `${lines.join('\n')}\n` });
    const [, ...rows] = await rowsOf();
    expect(rows.map((row) => row.at(-1))).toEqual([raw, '"a JSON string"', text, '/wD+', '', '']);
    expect(rows.map((row) => row.at(-1))).toEqual(lines.map((line) => bodyText(line) ?? ''));
    expect(rows.map((row) => row.at(-2))).toEqual(['', '', 'text', 'base64', 'text', '']);
  });

  it('writes only the header for a batch without records', async () => {
    await layOut(folder.path, manifestOf(3), {});
    const { text, written, missing } = await exported({ dir: folder.path, format: 'csv' });
    expect(text).toBe(`index,country,${FIXED.replaceAll(' ', ',')}\n`);
    expect({ written, missing }).toEqual({ written: 0, missing: 3 });
  });

  it('takes the parameters from the first record if the manifest is missing', async () => {
    await layOut(folder.path, undefined, { 'a-1': `${recordLine({ index: 0 })}\n` });
    expect((await rowsOf())[0]?.slice(0, 3)).toEqual(['index', 'country', 'url']);
  });

  it('counts a line that is not JSON as skipped', async () => {
    const broken = recordLine({ index: 0 }).replace('"ok"', '"ok');
    await layOut(folder.path, manifestOf(2), { 'a-1': `${broken}\n${recordLine({ index: 1 })}\n` });
    const result = await exported({ dir: folder.path, format: 'csv' });
    expect(result).toMatchObject({ written: 1, missing: 1, skippedLines: 1 });
    expect(parse(result.text)).toHaveLength(2);
  });
});

describe('exportBatch as CSV for a spreadsheet', () => {
  const FORMULAS = [
    '=1+1',
    '+cmd|x',
    '-2+3',
    '-',
    '-1,000.5',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '＝1',
    '－1',
  ];
  const HARMLESS = ['-12.5', '+47', '1e-9', 'a=b', '', '"=1', ';=1', ' =1', '0x1'];

  it('has no cell that is a formula, and leaves numbers and other text', async () => {
    const values = [...FORMULAS, ...HARMLESS];
    const lines = values.map((value, index) =>
      recordLine({
        index,
        params: { '=name': value },
        body: JSON.stringify(value),
        bodyEncoding: 'text',
      }),
    );
    const manifest = manifestOf(values.length, ['=name']);
    await layOut(folder.path, manifest, { 'a-1': `${lines.join('\n')}\n` });
    const [header = [], ...rows] = await rowsOf(true);
    expect(header[1]).toBe("'=name");
    for (const [at, value] of values.entries()) {
      const shown = FORMULAS.includes(value) ? `'${value}` : value;
      expect([rows[at]?.[0], rows[at]?.[1], rows[at]?.at(-1)]).toEqual([String(at), shown, shown]);
    }
  });

  it('is only text that may be split at a semicolon that is quoted', async () => {
    const line = recordLine({ index: 0, params: { n: 'a;=1+1' }, body: '[1]' });
    await layOut(folder.path, manifestOf(1, ['n']), { 'a-1': `${line}\n` });
    const { text } = await exported({ dir: folder.path, format: 'csv', isCsvSafe: true });
    expect(text.split('\n')[1]).toMatch(
      /^0,"a;=1\+1","http:.*",200,1,"2026-.*",103.2,1223,".*","w-7c1e",+"\[1\]"$/u,
    );
  });

  it('loses nothing: without the apostrophes it is what was fetched', async () => {
    const texts = fc.array(anyText(), { minLength: 50 });
    await fc.assert(
      fc.asyncProperty(texts, async (values) => {
        const lines = values.map((value, index) => recordLine({ index, params: { n: value } }));
        await layOut(folder.path, manifestOf(values.length, ['n']), {
          'a-1': `${lines.join('\n')}\n`,
        });
        const cells = (await rowsOf(true)).slice(1).map(([, cell = '']) => cell);
        expect(
          cells.filter((cell) => /^[=+@\t\r\n]|^-(?!\d)/u.test(cell) && !/^[+-]?\d/u.test(cell)),
        ).toEqual([]);
        const plain = cells.map((cell, at) =>
          cell === values[at] ? cell : cell.replace(/^'/u, ''),
        );
        expect(plain).toEqual(values);
      }),
      { numRuns: 3 },
    );
  });
});
