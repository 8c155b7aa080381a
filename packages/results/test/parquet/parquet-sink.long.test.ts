import { join } from 'node:path';
import type { FetchRecord } from '@fetchfleet/crawl';
import { exportRows, type RowsOptions } from '@fetchfleet/results';
import { type ParquetOptions, ParquetSink } from '@fetchfleet/results/parquet';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BATCH, layOut, type LineFields, manifestOf, recordLine } from '../record-lines.ts';
import { Memory } from '../rows/rows-fixture.ts';
import { queryDuckDb, readByArrow, readByDuckDb, type ReadTable } from './parquet-readers.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('parquet');
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

interface Choice extends ParquetOptions {
  readonly explode?: string;
  readonly integers?: readonly string[];
  /** What the manifest says of the parameters. */
  readonly known?: readonly string[];
}

/** Exports lines, and reads the file with both readers, which must agree. */
async function tableOf(lines: readonly string[], { fields, known, ...choice }: Choice = {}) {
  const first = lines[0] === undefined ? undefined : (JSON.parse(lines[0]) as FetchRecord);
  const manifest = manifestOf(lines.length, Object.keys(first?.params ?? { country: 1 }));
  await layOut(
    folder.path,
    { ...manifest, ...(known !== undefined && { integers: known }) },
    { 'a-1': lines.map((line) => `${line}\n`).join('') },
  );
  const out = new Memory();
  await exportRows({
    dir: folder.path,
    batch: BATCH,
    ...choice,
    open: (shape) => new ParquetSink(out, shape, { fields }),
  });
  const table = await readByDuckDb(join(folder.path, 'out.parquet'), out.bytes);
  const other = readByArrow(out.bytes);
  expect(other.columns).toEqual(table.columns);
  expectRows(other.rows, table.rows);
  return table;
}

/** The row that a line must become, worked out from the whole line. */
function expectedRow(line: string): unknown[] {
  const record = JSON.parse(line) as FetchRecord & Record<string, unknown>;
  const raw = /,"body":(.*)\}$/su.exec(line.slice(line.indexOf('},"url":')))?.[1];
  return [
    BigInt(record.index),
    record.page,
    ...Object.values(record.params),
    record.end,
    record['method'],
    record.url,
    record.outcome,
    record.status,
    record.attempts,
    Date.parse(record.startedAt),
    record.durationMs,
    BigInt(record.bytes),
    record.contentType,
    record.worker,
    record.finalUrl,
    record['headers'] && JSON.stringify(record['headers']),
    record['selected'],
    record.error?.code,
    record.error?.message,
    record['charset'],
    record['bodyEncoding'],
    record['bodyEncoding'] === undefined ? raw : record['body'],
  ].map((value) => value ?? null);
}

const column = ({ columns, rows }: ReadTable, name: string): unknown[] =>
  rows.map((row) => row[columns.indexOf(name)]);

describe('Parquet', () => {
  it('has every value of every record, as two other readers see it', async () => {
    const text = fc.string({ unit: 'grapheme' });
    const body = fc.oneof(
      fc.json().map((json) => ({ body: json })),
      fc.constant({ body: '{"id":9007199254740993,"price":1.10,"big":1e400}' }),
      text.map((one) => ({ body: JSON.stringify(one), bodyEncoding: 'text' as const })),
      fc.constant({ body: '"AP8="', bodyEncoding: 'base64' as const }),
      fc.constant({}),
    );
    const record = fc.record({
      outcome: fc.constantFrom('ok', 'timeout'),
      params: fc.record({ country: text, 'a.b': text, Country: text }),
      url: text,
      body,
      page: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (records) => {
        const lines = records.map(({ body: own, page, ...rest }, index) => {
          const line = recordLine({ ...rest, ...own, index });
          return page === undefined ? line : line.replace('"params"', `"page":${page},"params"`);
        });
        const { columns, rows } = await tableOf(lines);
        expect(columns.slice(0, 6)).toEqual([
          'index',
          'page',
          'params_country',
          'params_a_b',
          'params_Country_',
          'end',
        ]);
        expectRows(rows, lines.map(expectedRow));
      }),
      { numRuns: 15 },
    );
  });

  it('is the same file whether lines are read or parsed', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '"', '\\', 'ü', '🎉', '\ud800', ','),
      maxLength: 3,
    });
    const record = fc.record({
      country: text,
      year: fc.constantFrom('0', '2020', '-3', '9223372036854775807'),
      headers: fc.option(fc.dictionary(fc.constantFrom('etag', 'b'), text), { nil: undefined }),
      outcome: fc.constantFrom('ok', 'timeout'),
      edit: fc.constantFrom<readonly [string, string]>(
        ['"worker"', '"worker"'],
        ['"worker"', '"more":1,"worker"'],
        ['103.2', '1e3'],
        ['2026-11-23T00:17:04.120Z', '2026-11-23T01:17+01:00'],
        ['"contentType":"application/json",', ''],
        ['"url"', 'url'],
      ),
      body: fc.option(
        fc.oneof(
          fc.constantFrom({ body: '[1]' }, { body: '{"a" :1e400}' }, { body: '' }),
          text.map((one) => ({ body: JSON.stringify(one), bodyEncoding: 'text' as const })),
          fc.constantFrom('5', '"a\\qb"').map((body) => ({ body, bodyEncoding: 'text' as const })),
        ),
        { nil: undefined },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 50, maxLength: 100 }), async (records) => {
        const lines = records.map(({ country, year, headers, outcome, edit, body }, index) =>
          recordLine({
            index,
            outcome,
            params: { country, year },
            ...(headers !== undefined && { headers }),
            ...body,
          }).replace(...edit),
        );
        const part = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const { read, parsed } = await exportedBothWays(part, lines.length);
        expect(read).toEqual(parsed);
      }),
      { numRuns: 5 },
    );
  });

  it('is the same file where a line has bytes that are no text', async () => {
    const params = { country: 'ÿ', year: '2020' };
    const part = Buffer.from(`${recordLine({ index: 0, params })}\n`, 'latin1');
    const { read, parsed } = await exportedBothWays(part, 1);
    expect(read).toEqual(parsed);
    const table = await readByDuckDb(join(folder.path, 'out.parquet'), read.bytes);
    expect(column(table, 'params_country')).toEqual(['\ufffd']);
  });

  it('has all rows of many row groups, in order', async () => {
    const lines = Array.from({ length: 10_001 }, (_, index) =>
      recordLine({ index, body: `{"id":${index}}`, outcome: index % 7 === 0 ? 'timeout' : 'ok' }),
    );
    const { rows } = await tableOf(lines);
    expectRows(rows, lines.map(expectedRow));
    expect(await groupRows()).toEqual([10_000n, 1n]);
  });

  it('ends a row group early where bodies are large', async () => {
    const lines = Array.from({ length: 3 }, (_, index) =>
      recordLine({ index, body: `"${String(index).repeat(17_000_000)}"` }),
    );
    const bodies = column(await tableOf(lines), 'body');
    expect(bodies.every((text, at) => text === `"${String(at).repeat(17_000_000)}"`)).toBe(true);
    expect(await groupRows()).toEqual([2n, 1n]);
  });

  it('has columns and no rows for a batch without records', async () => {
    const { columns, rows } = await tableOf([]);
    expect([columns.includes('params_country'), rows]).toEqual([true, []]);
  });

  it('has whole numbers of parameters that are named', async () => {
    const values = ['0', '-12', '9007199254740993', '9223372036854775807'];
    const lines = values.map((year, index) => recordLine({ index, params: { year } }));
    const table = await tableOf(lines, { integers: ['year'] });
    expect(column(table, 'params_year')).toEqual(values.map(BigInt));
    expect(column(await tableOf(lines), 'params_year')).toEqual(values);
    const known = await tableOf(lines, { known: ['year'] });
    expect(column(known, 'params_year')).toEqual(values.map(BigInt));
  });

  it.each(['007', '1.5', '', ' 1', '-0', '9223372036854775808', 'x'])(
    'refuses %j as a whole number',
    async (year) => {
      const lines = [recordLine({ index: 0, params: { year } } satisfies LineFields)];
      await expect(tableOf(lines, { integers: ['year'] })).rejects.toThrow(
        `params.year of fetch 0 is not a whole number below 2^63: ${JSON.stringify(year)}`,
      );
    },
  );

  it('refuses a record whose values have other types', async () => {
    const line = recordLine({ index: 0 }).replace('"status":200', '"status":"200"');
    await expect(tableOf([line])).rejects.toThrow('status of fetch 0 is not a whole number');
  });

  it('refuses a record that lacks what every worker writes', async () => {
    const line = recordLine({ index: 0 }).replace(/"worker":"[^"]*"/u, '"other":1');
    await expect(tableOf([line])).rejects.toThrow('worker of fetch 0 is missing');
  });

  it('has chosen fields, and items', async () => {
    const line = recordLine({ index: 0, body: '[{"a":1.10},{"a":"ü"},{}]' });
    expect(await tableOf([line], { fields: ['body[0].a', 'index'] })).toEqual({
      columns: ['body[0]_a', 'index'],
      rows: [['1.10', 0n]],
    });
    expect(await tableOf([line], { explode: '$', fields: ['position', 'item.a', 'item'] })).toEqual(
      {
        columns: ['position', 'item_a', 'item'],
        rows: [
          [0, '1.10', '{"a":1.10}'],
          [1, 'ü', '{"a":"ü"}'],
          [2, null, '{}'],
        ],
      },
    );
  });
});

/** Exports a part with and without parsing its lines. */
async function exportedBothWays(part: Buffer, total: number) {
  const manifest = { ...manifestOf(total, ['country', 'year']), integers: ['year'] };
  await layOut(folder.path, manifest, { 'a-1': part });
  const exported = async (choice: Partial<RowsOptions>) => {
    const out = new Memory();
    const open: RowsOptions['open'] = (shape) => new ParquetSink(out, shape);
    const summary = await exportRows({ dir: folder.path, batch: BATCH, ...choice, open });
    return { summary, bytes: out.bytes };
  };
  // Where records may be left out, they are parsed.
  return { read: await exported({}), parsed: await exported({ outcomes: ['ok', 'timeout'] }) };
}

type Rows = ReadTable['rows'];

/** The matcher takes seconds for ten thousand rows, so it gets only those that differ. */
function expectRows(rows: Rows, expected: Rows): void {
  expect(rows.length).toBe(expected.length);
  const at = rows.findIndex((row, place) =>
    row.some((value, cell) => !Object.is(value, expected[place]?.[cell])),
  );
  expect(rows[at]).toEqual(expected[at]);
}

async function groupRows(): Promise<unknown[]> {
  const path = join(folder.path, 'out.parquet');
  const { rows } = await queryDuckDb(
    `SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('${path}') ORDER BY 1`,
  );
  return rows.map(([, count]) => count);
}
