import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Schema, suggest } from '../../page/src/editor/suggest.ts';

let schema: Schema;
beforeAll(async () => {
  const path = fileURLToPath(import.meta.resolve('@fetchfleet/crawl/schema'));
  schema = JSON.parse(await readFile(path, 'utf8'));
});

/** What is offered at the sign `|` of a text. */
function at(marked: string) {
  const caret = marked.indexOf('|');
  return suggest(schema, marked.replace('|', ''), caret);
}

function labels(marked: string): string[] {
  return at(marked).items.map(({ label }) => label);
}

/** The text after the suggestion was taken. */
function taken(marked: string, label: string): string {
  const caret = marked.indexOf('|');
  const { items, start } = at(marked);
  const insert = items.find((one) => one.label === label)?.insert ?? '?';
  return marked.slice(0, start) + insert + marked.slice(caret + 1);
}

const URL = 'url: https://a.example/{n}\n';

describe('suggestions for a crawl file', () => {
  it('are keys that are not there yet', () => {
    const found = labels(`params:\n  n: [1]\np|\n${URL}`);
    expect(found.toSorted()).toEqual(['paginate', 'politeness', 'priority']);
  });

  it.each<[string, string[]]>([
    ['politeness:\n  r|\n', ['rate', 'robots']],
    ['politeness:\n  rate: 1/s\n  r|\n  burst: 2\n', ['robots']],
    ['politeness: { r|', ['rate', 'robots']],
    ['politeness: { rate: 1/s, r|', ['robots']],
    ['politeness: { robots: |', ['obey', 'ignore']],
    ['politeness:\n  robots: i|', ['ignore']],
    ['politeness:\n  concurrency: u|', ['unlimited']],
    ['network:\n  allowPrivate: |', ['true', 'false']],
    ['method: P|', ['POST', 'PUT', 'PATCH']],
    ['combine: z|\nname: x', ['zip']],
    ['params:\n  c: { countries: a|', ['alpha2', 'alpha3']],
    ['params:\n  c:\n    countries: n|', ['name']],
    ['params:\n  n: { from: 1, |', ['to', 'step', 'pad']],
    ['params:\n  n:\n    file: a.csv\n    c|', ['column', 'comment']],
    ['params:\n  n: |', ['{ countries }', '{ from, to }', '{ file }', '{ batch, select }']],
    ['notify:\n  - url: x\n    s|', ['secret']],
    ['notify:\n  - url: x\n    on: [finished, f|', ['finished', 'failed-to-start', 'failures']],
    ['notify:\n  - url: x\n    on:\n      - c|', ['cancelled']],
    ['notify:\n  - url: a\n  - u|', ['url']],
    ['notify:\n  - url: a\n    f|\n  - format: x', ['failures', 'format']],
  ])('fit at %j', (marked, expected) => {
    expect(labels(marked)).toEqual(expected);
  });

  it.each([
    '# na|',
    'name: x # po|',
    'name:|',
    'url: "http|',
    'headers: { accept: "r|',
    'params:\n  |',
    'name: some words|',
    'politeness:\n  robots: obey|',
  ])('are none at %j', (marked) => {
    expect(labels(marked)).toEqual([]);
  });

  it('begin a mapping where one has to come, and leave a colon that is there', () => {
    expect(taken('polit|', 'politeness')).toBe('politeness:\n  ');
    expect(taken('network:\n  tl|', 'tls')).toBe('network:\n  tls:\n    ');
    expect(taken('network: { tl|', 'tls')).toBe('network: { tls: ');
    expect(taken('na|', 'name')).toBe('name: ');
    expect(taken('na|: x', 'name')).toBe('name: x');
    expect(taken('params:\n  n: |', '{ from, to }')).toBe('params:\n  n: { from: ');
  });

  it('say what a key means and what is usual', () => {
    expect(at('politeness:\n  bur|').items).toEqual([
      {
        label: 'burst',
        insert: 'burst: ',
        description: 'Starts that may happen at once before rate spaces them. Usually 1.',
      },
    ]);
  });
});
