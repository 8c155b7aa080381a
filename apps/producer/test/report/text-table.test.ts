import { describe, expect, it } from '@jest/globals';
import { textTable } from '../../src/report/text-table.ts';

const columns = [
  { title: 'batch' },
  { title: 'age', align: 'right', isOptional: true },
  { title: 'done', align: 'right' },
  { title: 'pace', isOptional: true },
  { title: 'outcome' },
] as const;
const rows = [
  ['a-batch', '3 d', '9/9', '12/s', 'all ok in 2 min 5 s'],
  ['b', '12 s', '1/10', '–', ''],
];

describe('textTable', () => {
  it('aligns its columns under their titles', () => {
    expect(textTable(columns, rows)).toEqual([
      'batch     age  done  pace  outcome',
      'a-batch   3 d   9/9  12/s  all ok in 2 min 5 s',
      'b        12 s  1/10  –',
    ]);
  });

  it('drops optional columns from the right until it fits', () => {
    expect(textTable(columns, rows, 41).slice(0, 2)).toEqual([
      'batch     age  done  outcome',
      'a-batch   3 d   9/9  all ok in 2 min 5 s',
    ]);
    expect(textTable(columns, rows, 34)[1]).toBe('a-batch   9/9  all ok in 2 min 5 s');
  });

  it('cuts its widest columns if that is not enough, but keeps 12 characters of each', () => {
    expect(textTable(columns, rows, 30)[1]).toBe('a-batch   9/9  all ok in 2 mi…');
    expect(textTable(columns, rows, 1)[1]).toBe('a-batch   9/9  all ok in 2…');
  });

  it.each([80, 60, 50])('fits %d columns with long ids and URLs, whose ends stay', (width) => {
    const wide = ['batch', 'state', 'results'].map((title) => ({ title }));
    const id = 'countries-of-the-whole-world-by-region-20260714-101530-4f2a';
    const path = '/srv/volumes/fetches/of-all-our-fleets/in-this-house/results';
    const lines = textTable(wide, [[id, 'finished', path]], width);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
    expect(lines[1]).toMatch(/^countrie.*….*4f2a +finished +\/srv.*….*sults$/u);
  });

  it('shows what is in a cell before it measures it', () => {
    const hostile = '\u001b[2Ja\nb\u202e';
    const lines = textTable([{ title: 'name' }, { title: 'end' }], [[hostile, 'x']]);
    expect(lines[1]).toBe(String.raw`\u001b[2Ja\u000ab\u202e  x`);
    expect(lines[0]).toBe(`${'name'.padEnd(23)}  end`);
    const narrow = textTable([{ title: 'name' }], [[hostile]], 20);
    expect(narrow[1]).toBe(String.raw`\u001b[2Ja\u0…\u202e`);
  });

  it('is as wide as its cells where there is no screen', () => {
    const url = `https://a.example/${'x'.repeat(500)}`;
    expect(textTable([{ title: 'url' }], [[url]])).toEqual(['url', url]);
  });
});
