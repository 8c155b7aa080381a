import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { crawlChanges } from '../../src/crawl/crawl-changes.ts';

const FILE = `
name: test
url: https://a.example/{a}/{b}
params: { a: { file: a.csv, column: a }, b: [1, 2] }
headers: { accept: application/json }
politeness: { rate: 20/s }
`;

const before = parseCrawlFile(FILE, '/c/test.yaml');
const edit = (text: string, by: string) => parseCrawlFile(FILE.replace(text, by), '/c/test.yaml');

describe('the changes of a crawl', () => {
  it.each([
    ['rate: 20/s', 'rate: 5/m', 'politeness.rate: 20/s → 5/m'],
    ['rate: 20/s', 'rate: unlimited', 'politeness.rate: 20/s → unlimited'],
    ['rate: 20/s', 'rate: 20/s, robots: ignore', 'politeness.robots: obey → ignore'],
    ['rate: 20/s', 'rate: 20/s, patience: 90m', 'politeness.patience: 1 h → 1 h 30 min'],
    ['name: test', 'name: test\nretry: { backoff: 5s }', 'retry.backoff: 1.0 s → 5.0 s'],
    ['name: test', 'name: test\nretry: { on: [408, 500-599] }', 'retry.on: not set → 408, 500-599'],
    ['name: test', 'name: test\nretry: { maxBackoff: 1h }', 'retry.maxBackoff: not set → 1 h'],
    ['name: test', 'name: test\nlimits: { body: 1MB }', 'limits.body: 10.5 MB → 1 MB'],
  ])('are settings, which leave the fetches as they are: %s → %s', (text, by, shown) => {
    expect(crawlChanges(before, edit(text, by), true)).toEqual({ settings: [shown], others: [] });
  });

  it('are not what a batch is compared with', () => {
    const comparedWith = { batch: 'test-1', refersTo: [] };
    const compared = { ...before, plan: { ...before.plan, comparedWith } };
    expect(crawlChanges(compared, before, true)).toEqual({ settings: [], others: [] });
  });

  it('are others where another part of the fetches is chosen', () => {
    const some = { ...before, only: { first: 3 } };
    const others = ['what --limit and --sample choose'];
    expect(crawlChanges(before, some, true)).toEqual({ settings: [], others });
    expect(crawlChanges(some, some, true)).toEqual({ settings: [], others: [] });
  });

  it.each([
    ['/{a}/{b}', '/{b}/{a}', 'url'],
    ['a.csv', 'b.csv', 'params.a'],
    ['column: a', 'column: a, trim: false', 'params.a'],
    ['[1, 2]', '[1, 3]', 'params.b'],
    [
      '{ a: { file: a.csv, column: a }, b: [1, 2] }',
      '{ b: [1, 2], a: { file: a.csv, column: a } }',
      'the order of params',
    ],
    ['json }', 'json, x-key: secret }', 'headers.x-key'],
    ['application/json', 'text/plain', 'headers.accept'],
    ['name: test', 'name: test\ncontact: a@b.example', 'contact'],
    ['name: test', 'name: test\nnetwork: { allowPrivate: true }', 'network.allowPrivate'],
    ['name: test', 'name: test\nexpect: { has: $.data }', 'expect'],
    ['name: test', 'name: test\nkeep: { headers: all }', 'keep'],
    ['name: test', 'name: test\ncombine: zip', 'combine'],
    ['name: test', 'name: test\nmethod: PUT', 'method'],
  ])('are named without values: %s → %s', (text, by, key) => {
    expect(crawlChanges(before, edit(text, by), true)).toEqual({ settings: [], others: [key] });
  });

  it.each([
    ['people.csv', 'others.csv', 'rows'],
    ['optional: [lang]', 'blank: skip', 'rows'],
    ['[id, lang]', '[lang, id]', 'rows'],
    ['step: -1', 'step: -2', 'params.year'],
  ])('are named of rows and ranges: %s → %s', (text, by, key) => {
    const file = `url: https://a.example/{id}/{year}{?lang}
rows: { file: people.csv, columns: [id, lang], optional: [lang] }
params: { year: { from: 9, to: 1, step: -1 } }`;
    const [was, is] = [file, file.replace(text, by)].map((one) => parseCrawlFile(one, '/c/x.yaml'));
    expect(was && is && crawlChanges(was, is, true)).toEqual({ settings: [], others: [key] });
    expect(was && crawlChanges(was, was, false).others).toEqual(['the content of /c/people.csv']);
  });

  it('include the content of lists, and how version 0.1 read them', () => {
    expect(crawlChanges(before, before, false).others).toEqual(['the content of /c/a.csv']);
    const sources = before.sources.map(({ ...source }) => {
      if (source.kind !== 'file') {
        return source;
      }
      const { rules: _, ...stored } = source;
      return stored;
    });
    expect(crawlChanges({ ...before, sources }, before, true).others).toEqual([
      'params.a (version 0.1 read lists in another way)',
    ]);
  });
});
