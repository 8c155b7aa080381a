import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import * as fc from 'fast-check';
import { expandCrawl } from '../../src/expand/expand-crawl.ts';
import { fingerprintOf } from '../../src/expand/fingerprint.ts';
import { LocalCrawl } from '../../src/expand/local-crawl.ts';
import { measureCrawl } from '../../src/expand/measure-crawl.ts';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import type { Crawl } from '../../src/model/plan.ts';
import { compileRequest } from '../../src/request/compile-request.ts';
import { unpackSlice } from '../../src/slice/pack-slice.ts';
import { packSlices } from '../../src/slice/pack-slices.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => folder.remove());

interface Shape {
  readonly rows: readonly (readonly string[])[];
  readonly format: 'csv' | 'ndjson';
  readonly lists: readonly (readonly string[])[];
  readonly combine: 'product' | 'zip';
}

const value = fc.stringMatching(/^[a-z]{1,3}$/);
const shapes: fc.Arbitrary<Shape> = fc.record({
  rows: fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.array(fc.array(value, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 8,
    }),
  ),
  format: fc.constantFrom('csv', 'ndjson'),
  lists: fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 2 }),
  combine: fc.constantFrom('product', 'zip'),
});

async function crawlOf({ rows, format, lists, combine }: Shape): Promise<Crawl> {
  const names = rows[0]?.map((_, at) => `r${at}`) ?? [];
  const lines =
    format === 'csv'
      ? [names, ...rows].map((row) => row.join())
      : rows.map((row) =>
          JSON.stringify(Object.fromEntries(row.map((cell, at) => [names[at], cell]))),
        );
  await writeFile(join(folder.path, `rows.${format}`), lines.join('\n'));
  const params = Object.fromEntries(
    listsFor(rows, lists, combine).map((list, at) => [`p${at}`, list]),
  );
  const path = [...Object.keys(params), ...names].map((name) => `{${name}}`).join('/');
  const file = { file: `rows.${format}`, columns: names };
  const text = JSON.stringify({ url: `http://a.example/${path}`, params, rows: file, combine });
  return parseCrawlFile(text, join(folder.path, 'crawl.yaml'));
}

/** As long as the rows, where they are zipped with them. */
function listsFor(rows: Shape['rows'], lists: Shape['lists'], combine: Shape['combine']) {
  return combine === 'product'
    ? lists
    : lists.map((list) => rows.map((_, at) => list[at % list.length] ?? ''));
}

function expectedOf({ rows, lists, combine }: Shape): string[][] {
  const inner = listsFor(rows, lists, combine);
  if (combine === 'zip') {
    return rows.map((row, at) => [...row, ...inner.map((list) => list[at] ?? '')]);
  }
  return inner.reduce<string[][]>(
    (found, list) => found.flatMap((values) => list.map((one) => [...values, one])),
    rows.map((row) => [...row]),
  );
}

async function valuesOf(crawl: Crawl): Promise<(readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for await (const chunk of expandCrawl(crawl)) {
    found.push(...chunk.map(({ values }) => values));
  }
  return found;
}

/** Jest takes seconds to compare so much. */
function expectSame(found: readonly unknown[], expected: readonly unknown[]): void {
  expect(JSON.stringify(found) === JSON.stringify(expected)).toBe(true);
}

describe('the expansion of rows', () => {
  it('has rows as the outermost loop, or zips them, and counts them', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const crawl = await crawlOf(shape);
        const expected = expectedOf(shape);
        expect(await valuesOf(crawl)).toEqual(expected);
        expect((await measureCrawl(crawl)).total).toBe(expected.length);
      }),
    );
  });

  it('gives each index of a slice the same values again, from wherever it is resumed', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.integer({ min: 1, max: 50 }),
        fc.nat(),
        async (shape, size, n) => {
          const crawl = await crawlOf(shape);
          const expected = expectedOf(shape);
          const from = n % expected.length;
          // As Redis has it, and from the slices that a producer which died has not queued.
          const stored: unknown = JSON.parse(JSON.stringify(crawl));
          expect(stored).toEqual(crawl);
          const resumed: [number, readonly string[]][] = [];
          const packing = { sliceSize: size, mixesOrigins: false };
          for await (const slices of packSlices('b-1', expandCrawl(crawl), packing)) {
            for (const { index, values } of slices.flatMap((slice) => unpackSlice(slice))) {
              if (index >= from) {
                resumed.push([index, values]);
              }
            }
          }
          expect(resumed).toEqual(expected.map((row, at) => [at, row] as const).slice(from));
        },
      ),
    );
  });

  it('reads long files again for every value outside of them, and stops in the middle', async () => {
    const rows = Array.from({ length: 10_050 }, (_, at) => [`a${at}`, `b${at}`]);
    const outer = { rows, format: 'csv', lists: [['x', 'y']], combine: 'product' } as const;
    const crawl = await crawlOf(outer);
    expectSame(await valuesOf(crawl), expectedOf(outer));
    // As no crawl file can say it: the rows inside.
    const turned = { ...crawl, sources: crawl.sources.toReversed() };
    expectSame(
      await valuesOf(turned),
      ['x', 'y'].flatMap((x) => rows.map((row) => [x, ...row])),
    );
    const zip = { rows, format: 'ndjson', lists: [['x', 'y']], combine: 'zip' } as const;
    expectSame(await valuesOf(await crawlOf(zip)), expectedOf(zip));
    for await (const chunk of expandCrawl(crawl)) {
      expect(chunk).toHaveLength(1000);
      break;
    }
  });

  it('reads few but long rows again, too: only so many characters are kept', async () => {
    const rows = Array.from({ length: 1_500 }, (_, at) => [`${at}${'x'.repeat(6_000)}`]);
    const shape = { rows, format: 'ndjson', lists: [['x', 'y']], combine: 'product' } as const;
    const crawl = await crawlOf(shape);
    const turned = { ...crawl, sources: crawl.sources.toReversed() };
    const values = await valuesOf(turned);
    expect(values.map(([x, row]) => [x, row?.length])).toEqual(
      ['x', 'y'].flatMap((x) => rows.map(([row]) => [x, row?.length])),
    );
  });

  it('takes any JSON for {{name|json}}, unless the parameter stands elsewhere too', async () => {
    const rows = ['{"id":"7","filter":{"n":1.10,"big":12345678901234567890}}', '{"id":8}'];
    await writeFile(join(folder.path, 'rows.ndjson'), rows.join('\n'));
    const of = (url: string) =>
      parseCrawlFile(
        `url: ${url}
rows: { file: rows.ndjson, columns: [id, filter], optional: [filter] }
body: { json: { id: "{{id}}", filter: "{{filter|json}}" } }`,
        join(folder.path, 'crawl.yaml'),
      );
    // The host is a parameter: every URL and every body is checked.
    const crawl = of('https://{id}.example/');
    expect((await measureCrawl(crawl)).total).toBe(2);
    expect(await valuesOf(crawl)).toEqual([
      ['7', '{"n":1.10,"big":12345678901234567890}'],
      ['8', ''],
    ]);
    const { bodyOf } = compileRequest(crawl.plan);
    expect((await valuesOf(crawl)).map((values) => String(bodyOf(values)))).toEqual([
      '{"id":"7","filter":{"n":1.10,"big":12345678901234567890}}',
      '{"id":"8","filter":null}',
    ]);
    await expect(measureCrawl(of('https://a.example/{?filter}'))).rejects.toThrow(
      /rows\.ndjson:1: "filter" is neither a text nor a number; \{\{filter\|json\}\} takes it/,
    );
  });

  it('names rows of another length than a list that they are zipped with', async () => {
    const crawl = await crawlOf({
      rows: [['a', 'b']],
      format: 'csv',
      lists: [['x']],
      combine: 'zip',
    });
    await writeFile(join(folder.path, 'rows.csv'), 'r0,r1\na,b\nc,d\n');
    await expect(measureCrawl(crawl)).rejects.toThrow(
      'zip needs lists of equal length, but rows (r0, r1) has 2, p0 has 1',
    );
  });

  it('has another fingerprint if the rows have other content or columns', async () => {
    const shape = { rows: [['a', 'b']], format: 'csv', lists: [], combine: 'product' } as const;
    const crawl = await crawlOf(shape);
    const fingerprint = await fingerprintOf(crawl);
    expect(await fingerprintOf(await crawlOf(shape))).toBe(fingerprint);
    expect(await fingerprintOf(await crawlOf({ ...shape, rows: [['a', 'c']] }))).not.toBe(
      fingerprint,
    );
    const text =
      'url: http://a.example/{r0}/{r1}\nrows: { file: rows.csv, columns: { r0: r1, r1: r0 } }';
    await crawlOf(shape);
    const turned = parseCrawlFile(text, join(folder.path, 'crawl.yaml'));
    expect(await fingerprintOf(turned)).not.toBe(fingerprint);
  });

  it('is that of a copy, if the rows are at a URL', async () => {
    const text =
      'url: http://a.example/{id}/{lang}\n' +
      'rows: { file: "https://lists.example/people.csv", columns: [id, lang] }';
    const crawl = parseCrawlFile(text, join(folder.path, 'crawl.yaml'));
    const local = await LocalCrawl.of(crawl, async () => [Buffer.from('lang,id\nno,1\nse\n')]);
    await expect(local.measure()).rejects.toMatchObject({
      problems: [{ file: 'https://lists.example/people.csv', line: 3 }],
    });
    await local.remove();
    const right = await LocalCrawl.of(crawl, async () => [Buffer.from('lang,id\nno,1\n')]);
    expect(await valuesOf(right.crawl)).toEqual([['1', 'no']]);
    expect(right.original).toBe(crawl);
    await right.remove();
  });
});
