import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import { expandCrawl, type Expansion } from '../../src/expand/expand-crawl.ts';
import { InputError } from '../../src/model/input-error.ts';
import { measureCrawl } from '../../src/expand/measure-crawl.ts';
import type { Crawl } from '../../src/model/plan.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crawl-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function crawlOf(text: string): Crawl {
  return parseCrawlFile(text, join(folder, 'crawl.yaml'));
}

/** A crawl with all `params` in the path. */
function crawlWith(params: Readonly<Record<string, unknown>>, combine = 'product'): Crawl {
  const path = Object.keys(params).map((name) => `{${name}}`);
  return crawlOf(JSON.stringify({ url: `http://a.example/${path.join('/')}`, params, combine }));
}

async function expand(crawl: Crawl): Promise<Expansion[]> {
  const all: Expansion[] = [];
  for await (const chunk of expandCrawl(crawl)) {
    expect(chunk.length).toBeLessThanOrEqual(1000);
    all.push(...chunk);
  }
  return all;
}

async function valuesOf(crawl: Crawl): Promise<string[]> {
  const all = await expand(crawl);
  expect(all.map(({ index }) => index)).toEqual(all.map((_, at) => at));
  return all.map(({ values }) => values.join(' '));
}

async function problemsOf(crawl: Crawl): Promise<string> {
  const error = await measureCrawl(crawl).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  return String(error).replaceAll(`${folder}/`, '');
}

describe('expandCrawl', () => {
  it('makes one fetch of a crawl without parameters', async () => {
    const crawl = crawlOf('url: http://a.example/x');
    expect(await expand(crawl)).toEqual([{ index: 0, values: [], origin: 'http://a.example' }]);
    const zip = crawlOf('url: http://a.example/x\ncombine: zip');
    expect(await expand(zip)).toHaveLength(1);
    expect(await measureCrawl(zip)).toEqual({ total: 1, counts: {} });
  });

  it('changes the first parameter slowest and the last one fastest', async () => {
    const crawl = crawlWith({ a: ['x', 'y'], b: { from: -1, to: 1 }, c: ['p', 'q'] });
    expect(await valuesOf(crawl)).toEqual(
      ['x', 'y'].flatMap((a) =>
        ['-1', '0', '1'].flatMap((b) => ['p', 'q'].map((c) => `${a} ${b} ${c}`)),
      ),
    );
    expect(await measureCrawl(crawl)).toEqual({ total: 12, counts: { a: 2, b: 3, c: 2 } });
  });

  it('zips one value of each', async () => {
    const crawl = crawlWith({ a: ['x', 'y', 'z'], b: { from: 1, to: 3 } }, 'zip');
    expect(await valuesOf(crawl)).toEqual(['x 1', 'y 2', 'z 3']);
    expect(await measureCrawl(crawl)).toMatchObject({ total: 3 });
  });

  it('expands every country', async () => {
    const values = await valuesOf(crawlWith({ c: { countries: 'slug' } }));
    expect(values).toHaveLength(249);
    expect(values).toContain('kenya');
  });

  it('yields products of any lists in order', async () => {
    const lists = fc.array(
      fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 6 }),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    await fc.assert(
      fc.asyncProperty(lists, async (values) => {
        const crawl = crawlWith(Object.fromEntries(values.map((list, at) => [`p${at}`, list])));
        const expected = values.reduce<string[][]>(
          (rows, list) => rows.flatMap((row) => list.map((value) => [...row, value])),
          [[]],
        );
        expect(await valuesOf(crawl)).toEqual(expected.map((row) => row.join(' ')));
        expect((await measureCrawl(crawl)).total).toBe(expected.length);
      }),
    );
  });

  it('finds the origin of each fetch if a parameter is part of it', async () => {
    const crawl = crawlOf(
      'url: "https://{h}:{p}/x"\nparams: { h: [a.example, B.example], p: [443, 8443] }',
    );
    expect((await expand(crawl)).map(({ origin }) => origin)).toEqual([
      'https://a.example',
      'https://a.example:8443',
      'https://b.example',
      'https://b.example:8443',
    ]);
  });

  it('reads a long file again for every outer value', async () => {
    const long = Array.from({ length: 10_050 }, (_, at) => `v${at}`);
    await writeFile(join(folder, 'long.txt'), long.join('\n'));
    const inner = crawlWith({ a: ['x', 'y'], b: { file: 'long.txt' } });
    expect(await valuesOf(inner)).toEqual(['x', 'y'].flatMap((a) => long.map((b) => `${a} ${b}`)));
    const outer = crawlWith({ b: { file: 'long.txt' }, a: ['x', 'y'] });
    expect(await valuesOf(outer)).toEqual(long.flatMap((b) => ['x', 'y'].map((a) => `${b} ${a}`)));
    const middle = crawlWith({ a: ['x', 'y'], b: { file: 'long.txt' }, c: ['p', 'q'] });
    expect(await valuesOf(middle)).toEqual(
      ['x', 'y'].flatMap((a) => long.flatMap((b) => ['p', 'q'].map((c) => `${a} ${b} ${c}`))),
    );
    const zip = crawlWith({ b: { file: 'long.txt' }, i: { from: 1, to: 10_050 } }, 'zip');
    expect(await valuesOf(zip)).toEqual(long.map((b, at) => `${b} ${at + 1}`));
  });

  it('reads columns of CSV and keys of NDJSON, and keeps the digits of numbers', async () => {
    await writeFile(
      join(folder, 'a.csv'),
      '\ufeffid,name\r\n007,"a, ""b"""\r\n1.10,"two\r\nlines"\r\n',
    );
    await writeFile(
      join(folder, 'a.ndjson'),
      '{"id":12345678901234567890,"in":{"id":1}}\n\n{"in":{"id":2},"id":1.10}\n{"id":"x"}\n{"id":true}',
    );
    expect(await valuesOf(crawlWith({ i: { file: 'a.csv', column: 'id' } }))).toEqual([
      '007',
      '1.10',
    ]);
    expect(await valuesOf(crawlWith({ i: { file: 'a.csv', column: 'name' } }))).toEqual([
      'a, "b"',
      'two\r\nlines',
    ]);
    expect(await valuesOf(crawlWith({ i: { file: 'a.ndjson', column: 'id' } }))).toEqual([
      '12345678901234567890',
      '1.10',
      'x',
      'true',
    ]);
  });

  it('reads the lines of a text file with any line ends, with or without a final one', async () => {
    await writeFile(join(folder, 'a.txt'), '\ufeffa\r\nb c\n é ');
    expect(await valuesOf(crawlWith({ i: { file: 'a.txt' } }))).toEqual(['a', 'b c', 'é']);
    await writeFile(join(folder, 'a.txt'), 'a\nb\n');
    expect(await valuesOf(crawlWith({ i: { file: 'a.txt' } }))).toEqual(['a', 'b']);
  });

  it('throws the reason of its signal, and closes files when the loop is left early', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const fetches = expandCrawl(crawlWith({ i: { from: 1, to: 100_000 } }), {
      signal: stop.signal,
    });
    await fetches.next();
    stop.abort(reason);
    await expect(fetches.next()).rejects.toBe(reason);

    await writeFile(join(folder, 'long.txt'), 'x\n'.repeat(500_000));
    const crawl = crawlWith({ i: { file: 'long.txt' } });
    for await (const chunk of expandCrawl(crawl)) {
      expect(chunk).toHaveLength(1000);
      break;
    }
    await expect(measureCrawl(crawl, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('refuses files that have changed since they were measured', async () => {
    await writeFile(join(folder, 'a.txt'), 'a\nb');
    await writeFile(join(folder, 'b.txt'), 'a\nb');
    const crawl = crawlWith({ i: { file: 'a.txt' }, j: { file: 'b.txt' } }, 'zip');
    await measureCrawl(crawl);
    for (const name of ['a.txt', 'b.txt']) {
      await writeFile(join(folder, name), 'a\nb\nc');
      await expect(expand(crawl)).rejects.toThrow(/no longer of equal length/);
      await writeFile(join(folder, name), 'a\nb');
    }
    await writeFile(join(folder, 'a.txt'), 'a\nb\0c');
    await expect(expand(crawl)).rejects.toThrow(/a\.txt:2: the value has a NUL character/);
  });
});

/** Two fetches for each row of `a.txt`, whose body has the row so many times. */
function crawlWithTexts(count: number): Crawl {
  const json = Array.from({ length: count }, () => '{{a}}');
  const params = { n: { from: 1, to: 2 }, a: { file: 'a.txt' } };
  return crawlOf(JSON.stringify({ url: 'http://a.example/{n}', params, body: { json } }));
}

describe('measureCrawl', () => {
  it('reports the problems of all list files, with file and line', async () => {
    await writeFile(join(folder, 'a.txt'), `a\n\n${'b'.repeat(9000)}\n`);
    await writeFile(join(folder, 'a.csv'), 'id,name\n1,x\n,y\n3\n4,"z"z\n5,w\n');
    await writeFile(join(folder, 'a.ndjson'), '{"id":""}\n{"id":{}}\n[]\n{"ID":1}\n{broken\n');
    const crawl = crawlWith({
      a: { file: 'a.txt' },
      b: { file: 'a.csv', column: 'id' },
      c: { file: 'a.ndjson', column: 'id' },
    });
    expect((await problemsOf(crawl)).split('\n')).toEqual([
      'InputError: a.txt:3: the value is longer than 8192 characters',
      expect.stringMatching(/^a\.csv:3: the value is empty; blank: skip/),
      'a.csv:4: the row has a different number of columns than the first line',
      expect.stringMatching(/^a\.csv:5: the row is malformed/),
      expect.stringMatching(/^a\.ndjson:1: the value is empty; blank: skip/),
      'a.ndjson:2: "id" is neither a text nor a number; {{c|json}} takes it, if the parameter stands nowhere else',
      'a.ndjson:3: the line is not a JSON object',
      'a.ndjson:4: there is no key "id"; did you mean "ID"?',
      'a.ndjson:5: the line is not a JSON object',
    ]);
  });

  it('reports values that would be steps in the path, with file and line', async () => {
    await writeFile(join(folder, 'a.txt'), 'a\n..\n%2e%2e\n');
    await writeFile(join(folder, 'a.csv'), 'id,name\n1,x\n.,y\n');
    await writeFile(join(folder, 'a.ndjson'), '{"id":".."}\n{"id":"..."}\n');
    const crawl = crawlWith({
      a: { file: 'a.txt' },
      b: { file: 'a.csv', column: 'id' },
      c: { file: 'a.ndjson', column: 'id' },
    });
    const at = (path: string) => ({
      ...crawl,
      plan: { ...crawl.plan, url: `http://a.example/${path}` },
    });
    expect((await problemsOf(at('{a}/{b}{/c}'))).split('\n')).toEqual([
      expect.stringMatching(/a\.txt:2: "\.\." makes "\.\." a segment of the path.*\{\+a\}/),
      expect.stringMatching(/^a\.csv:3: "\." makes/),
      expect.stringMatching(/^a\.ndjson:1: "\.\." makes/),
    ]);
    expect(await measureCrawl(at('{+a}/b{b}?{c}'))).toMatchObject({ total: 12 });
  });

  it('reports values that cannot stand in a header or in JSON, with file and line', async () => {
    await writeFile(join(folder, 'a.csv'), 'id\nx\n"a\nb"\n€\né\n');
    await writeFile(join(folder, 'b.txt'), '1\n01\n1.10\n{"a": 1}\nx\ntrue\n');
    const crawl = crawlOf(
      `url: http://a.example/{c}
params:
  a: { file: a.csv, column: id }
  b: { file: b.txt }
  c: { countries: name }
headers: { x: "{{a}} {{c}}" }
body: { json: ["{{a}}", "{{b|json}}", "{{c|json}}"] }
`,
    );
    expect((await problemsOf(crawl)).split('\n')).toEqual([
      'InputError: a.csv:4: "a\\nb" cannot stand in a header: it has characters that are not allowed there',
      expect.stringMatching(/^a\.csv:5: "€" cannot stand in a header/),
      expect.stringMatching(/^b\.txt:2: "01" is not JSON, which \{\{b\|json\}\} stands for/),
      expect.stringMatching(/^b\.txt:5: "x" is not JSON/),
      expect.stringMatching(/^crawl params\.c: "Andorra" is not JSON/),
    ]);
  });

  it('names the fetch whose body is larger than 1 MiB', async () => {
    const values = ['x', 'y'.repeat(8_000), '"'.repeat(8_000)];
    await writeFile(join(folder, 'a.txt'), values.join('\n'));
    expect(await measureCrawl(crawlWithTexts(60))).toMatchObject({ total: 6 });
    expect((await problemsOf(crawlWithTexts(100))).split('\n')).toEqual([
      'InputError: crawl body: fetch 2: its body is larger than 1 MiB',
      'crawl body: fetch 5: its body is larger than 1 MiB',
    ]);
  });

  it('reports the first twenty problems and counts the rest', async () => {
    await writeFile(join(folder, 'a.txt'), '\n'.repeat(50));
    const crawl = crawlWith({ a: { file: 'a.txt', blank: 'refuse' } });
    const problems = (await problemsOf(crawl)).split('\n');
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('crawl: and 30 more');
  });

  it.each([
    [
      'a missing column',
      'a.csv',
      'idd',
      'id,name\n1,x\n',
      /a\.csv:1: there is no column "idd"; did you mean "id"\?/,
    ],
    [
      'a missing column without a similar one',
      'a.csv',
      'zzzzzz',
      'id,name\n1,x\n',
      /columns: id, name/,
    ],
    ['a duplicate column', 'a.csv', 'id', 'id,id\n1,2\n', /two columns "id"/],
    ['an empty CSV', 'a.csv', 'id', '', /no header line with column names/],
    ['a CSV without rows', 'a.csv', 'id', 'id\n', /the file has no values/],
    ['a quote that never ends', 'a.csv', 'id', 'id\n"x\ny\n', /a\.csv:\d+: the row is malformed/],
    ['an empty text file', 'a.txt', undefined, '', /the file has no values/],
    ['a text file of blank lines', 'a.txt', undefined, ' \n\n', /the file has no values/],
    [
      'bytes that are not text',
      'a.txt',
      undefined,
      Buffer.from([0x61, 0x0a, 0xff]),
      /not valid UTF-8/,
    ],
    [
      'a CSV of such bytes',
      'a.csv',
      'id',
      Buffer.from([0x69, 0x64, 0x0a, 0xff]),
      /not valid UTF-8/,
    ],
    ['a very long value', 'a.txt', undefined, 'x'.repeat(9000), /longer than 8192/],
    [
      'a very long line',
      'a.txt',
      undefined,
      'x'.repeat(3_000_000),
      /the line is longer than 1048576 characters/,
    ],
    ['a very long row', 'a.csv', 'id', `id\n"${'x\n'.repeat(1_500_000)}`, /the row is malformed/],
    ['a missing file', 'a.txt', undefined, undefined, /cannot be read: it does not exist/],
  ])('refuses %s', async (_, file, column, content, problem) => {
    if (content !== undefined) {
      await writeFile(join(folder, file), content);
    }
    const source = column === undefined ? { file } : { file, column };
    expect(await problemsOf(crawlWith({ p: source }))).toMatch(problem);
  });

  it('refuses lists of unequal length under zip', async () => {
    await writeFile(join(folder, 'a.txt'), 'a\nb');
    const crawl = crawlWith({ a: { file: 'a.txt' }, b: ['x', 'y', 'z'] }, 'zip');
    expect(await problemsOf(crawl)).toMatch(
      /zip needs lists of equal length, but a has 2, b has 3/,
    );
  });

  it('checks every URL if a parameter is part of the host', async () => {
    const crawl = crawlOf(
      'url: "{+u}/x"\nparams: { u: ["http://a.example", "ftp://a", "http://10.0.0.1", "nonsense", "http://u:p@a.example"] }',
    );
    expect((await problemsOf(crawl)).split('\n')).toEqual([
      'InputError: crawl url: fetch 1: "ftp://a/x" is neither http nor https',
      expect.stringMatching(/fetch 2: 10\.0\.0\.1 is a private address/),
      'crawl url: fetch 3: "nonsense/x" is not a valid URL',
      expect.stringMatching(/fetch 4: "http:\/\/a\.example\/x" contains credentials/),
    ]);
  });
});
