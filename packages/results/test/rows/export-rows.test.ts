import { join } from 'node:path';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { exportBatch, exportRows, FieldsError } from '@fetchfleet/results';
import { ParquetSink } from '@fetchfleet/results/parquet';
import { anyText } from '@fetchfleet/testing/any-text';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BATCH, layOut, type LineFields, manifestOf, recordLine } from '../record-lines.ts';
import { type Choice, exportedRows, Memory } from './rows-fixture.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('rows');
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

/** Lays out records, in reverse order, and exports rows of them. */
async function rowsOf(records: readonly LineFields[], choice: Omit<Choice, 'dir'> = {}) {
  const lines = records.map((record) => `${recordLine(record)}\n`);
  const params = Object.keys(records[0]?.params ?? { country: '' });
  await layOut(folder.path, manifestOf(records.length, params), {
    'a-1': lines.toReversed().join(''),
  });
  return exportedRows({ dir: folder.path, ...choice });
}

const DIGITS = '{"id":9007199254740993,"price":1.10,"big":1e400,"list":[{"a":1.0},2,"x",null]}';

describe('exportRows', () => {
  it('writes the same as exportBatch if nothing is chosen, in both formats', async () => {
    const text = anyText();
    const record = fc.record({
      outcome: fc.constantFrom('ok', 'timeout'),
      params: fc.record({ country: text, index: text }),
      url: text,
      body: fc.option(fc.oneof(fc.json(), fc.constant(DIGITS)), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), async (records) => {
        const lines = records.map(({ body, ...rest }, index) => ({
          ...rest,
          index,
          ...(body !== undefined && { body }),
        }));
        const ndjson = await rowsOf(lines);
        const csv = await rowsOf(lines, { format: 'csv' });
        for (const [format, rows] of [['ndjson', ndjson] as const, ['csv', csv] as const]) {
          const out = new Memory();
          await exportBatch({ dir: folder.path, batch: BATCH, format, out });
          expect(rows.text).toBe(out.bytes.toString('utf8'));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('has columns for pages where the first record has them, as exportBatch does', async () => {
    const lines = [1, 2].map((page) =>
      recordLine({ index: 0 }).replace(
        '"params"',
        `"page":${page},${page === 2 ? '"end":"max",' : ''}"params"`,
      ),
    );
    await layOut(folder.path, manifestOf(1), { 'a-1': lines.map((text) => `${text}\n`).join('') });
    const out = new Memory();
    await exportBatch({ dir: folder.path, batch: BATCH, format: 'csv', out });
    const { text } = await exportedRows({ dir: folder.path, format: 'csv' });
    expect(text).toMatch(/^index,page,end,country,url.*\n0,1,,c0,.*\n0,2,max,c0,.*\n$/u);
    expect(text).toBe(out.bytes.toString('utf8'));
  });

  it.each([[['etag', 'link']], ['all' as const]])(
    'has columns for kept headers, as exportBatch does: %j',
    async (headers) => {
      const line = recordLine({ index: 0 }).replace('"url"', '"headers":{"etag":"x"},"url"');
      await layOut(folder.path, { ...manifestOf(1), headers }, { 'a-1': `${line}\n` });
      const out = new Memory();
      await exportBatch({ dir: folder.path, batch: BATCH, format: 'csv', out });
      const { text } = await exportedRows({ dir: folder.path, format: 'csv' });
      expect(text).toContain(headers === 'all' ? ',headers,' : ',headers.etag,headers.link,');
      expect(text).toBe(out.bytes.toString('utf8'));
    },
  );

  it('takes kept headers out of records', async () => {
    const line = recordLine({ index: 0 }).replace('"url"', '"headers":{"etag":"x"},"url"');
    await layOut(folder.path, manifestOf(1), { 'a-1': `${line}\n` });
    const fields = ['headers.ETag', 'headers.link', 'headers'];
    expect((await exportedRows({ dir: folder.path, fields })).lines).toEqual([
      '{"headers.ETag":"x","headers":{"etag":"x"}}',
    ]);
  });

  it('leaves out other outcomes; they are not missing', async () => {
    const records = ['ok', 'timeout', 'http-error', 'ok'].map((outcome, index) => ({
      index,
      outcome,
    }));
    const result = await rowsOf(records, {
      outcomes: ['timeout', 'http-error'],
      fields: ['index'],
    });
    expect(result.text).toBe('{"index":1}\n{"index":2}\n');
    expect(result).toMatchObject({ written: 2, rows: 2, leftOut: 2, missing: 0, skippedLines: 0 });
  });

  it('writes fields in the given order, and leaves out keys without a value', async () => {
    const fields = ['body', 'params.country', 'error.code', 'index', 'params', 'error'];
    const { lines } = await rowsOf(
      [
        { index: 0, body: DIGITS },
        { index: 1, outcome: 'timeout' },
      ],
      {
        fields,
      },
    );
    expect(lines).toEqual([
      `{"body":${DIGITS},"params.country":"c0","index":0,"params":{"country":"c0"}}`,
      '{"params.country":"c1","error.code":"HTTP_503","index":1,"params":{"country":"c1"},' +
        '"error":{"code":"HTTP_503","message":"it said \\"no\\""}}',
    ]);
  });

  it('takes values out of bodies with their digits, and texts without quotes in CSV', async () => {
    const fields = ['body.id', 'body.price', 'body.big', 'body.list[2]', 'body.list[3]', 'body.no'];
    const records = [
      { index: 0, body: DIGITS },
      { index: 1, body: '"a text"', bodyEncoding: 'text' as const },
    ];
    const ndjson = await rowsOf(records, { fields });
    expect(ndjson.lines).toEqual([
      '{"body.id":9007199254740993,"body.price":1.10,"body.big":1e400,"body.list[2]":"x","body.list[3]":null}',
      '{}',
    ]);
    const csv = await rowsOf(records, { fields, format: 'csv' });
    expect(csv.lines).toEqual([fields.join(','), '9007199254740993,1.10,1e400,x,,', ',,,,,']);
  });

  it('keeps the selected part of JSON bodies, and whole what failed or is no JSON', async () => {
    const records = [
      { index: 0, body: DIGITS },
      { index: 1, body: '{}' },
      { index: 2, body: '"{}"', bodyEncoding: 'text' as const },
      { index: 3, body: '{"error":1}', outcome: 'http-error' },
      { index: 4 },
    ];
    const fields = ['body'];
    expect((await rowsOf(records, { select: '$.list[1:]', fields })).lines).toEqual([
      '{"body":[2,"x",null]}',
      '{}',
      '{"body":"{}"}',
      '{"body":{"error":1}}',
      '{}',
    ]);
    expect((await rowsOf(records, { select: '$.price', fields })).lines[0]).toBe('{"body":1.10}');
  });

  it('writes a row for each item of a list, with index, position and parameters', async () => {
    const records = [
      { index: 0, body: DIGITS },
      { index: 1, body: '{"list":[]}' },
      { index: 2, body: '{"list":{"a":[1]}}' },
      { index: 3, outcome: 'timeout' },
    ];
    const result = await rowsOf(records, { explode: '$.list' });
    const params = '"params":{"country":"c0"}';
    expect(result.lines).toEqual([
      `{"index":0,"position":0,${params},"item":{"a":1.0}}`,
      `{"index":0,"position":1,${params},"item":2}`,
      `{"index":0,"position":2,${params},"item":"x"}`,
      `{"index":0,"position":3,${params},"item":null}`,
    ]);
    expect(result).toMatchObject({ written: 4, rows: 4, withoutList: 2, missing: 0 });
    const csv = await rowsOf(records, {
      explode: '$.list',
      format: 'csv',
      fields: ['position', 'item.a', 'item', 'status'],
    });
    expect(csv.lines).toEqual([
      'position,item.a,item,status',
      '0,1.0,"{""a"":1.0}",200',
      '1,,2,200',
      '2,,"""x""",200',
      '3,,null,200',
    ]);
    // A path that may select several values has them as items.
    const each = await rowsOf(records, { explode: '$..a', fields: ['index', 'item'] });
    expect(each.lines).toEqual(['{"index":0,"item":1.0}', '{"index":2,"item":[1]}']);
  });

  it('writes the items of a list that has more than are held at once', async () => {
    const body = JSON.stringify(Array.from({ length: 10_000 }, (_, at) => at));
    const { lines, rows } = await rowsOf([{ index: 0, body }], {
      explode: '$',
      fields: ['position', 'item'],
    });
    expect([rows, lines.length, lines.at(-1)]).toEqual([
      10_000,
      10_000,
      '{"position":9999,"item":9999}',
    ]);
  });

  it.each([
    ['a line', recordLine({ index: 1 }).replace('"url"', 'url')],
    ['a text', recordLine({ index: 1, body: '"a\\qb"', bodyEncoding: 'text' })],
    ['bytes', recordLine({ index: 1, body: '5', bodyEncoding: 'base64' })],
  ])('skips and counts %s that is damaged, in every format', async (_, damaged) => {
    const lines = [recordLine({ index: 0 }), damaged, recordLine({ index: 2 })];
    await layOut(folder.path, manifestOf(3), { 'a-1': lines.map((text) => `${text}\n`).join('') });
    const counts = { written: 2, missing: 1, skippedLines: 1 };
    const dir = folder.path;
    const result = await exportedRows({ dir, fields: ['index'] });
    expect(result).toMatchObject({ ...counts, text: '{"index":0}\n{"index":2}\n' });
    expect(await exportedRows({ dir, format: 'csv' })).toMatchObject(counts);
    expect(await exportedRows({ dir, bodies: join(dir, 'bodies') })).toMatchObject(counts);
    const parquet = exportRows({
      dir,
      batch: BATCH,
      open: (shape) => new ParquetSink(new Memory(), shape),
    });
    expect(await parquet).toMatchObject(counts);
  });

  it('takes the parameters of the first record if there is no manifest', async () => {
    await layOut(folder.path, undefined, { 'a-1': `${recordLine({ index: 0 })}\n` });
    const { lines } = await exportedRows({ dir: folder.path, fields: ['params.country'] });
    expect(lines).toEqual(['{"params.country":"c0"}']);
  });

  it.each([
    [{ fields: ['item'] }, 'there is no "item"'],
    [{ fields: ['position'] }, 'there is no "position"'],
    [{ fields: ['bodyFile'] }, 'there is no "bodyFile"'],
    [{ fields: ['toString'] }, 'there is no "toString"'],
    [{ explode: '$', fields: ['body'] }, 'there is no "body"'],
    [{ explode: '$', fields: ['body.a'] }, 'there is no "body.a"'],
    [{ fields: ['body.'] }, '"body."'],
    [{ fields: ['body..a'] }, '"body..a" may name several values'],
    [{ integers: ['county'] }, '--integers: there is no parameter "county"; there are country'],
    [{ explode: 'list' }, '--explode: a path begins with $'],
  ])('refuses %j', async (choice, message) => {
    const refused = rowsOf([{ index: 0 }], choice);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(FieldsError);
  });
});
