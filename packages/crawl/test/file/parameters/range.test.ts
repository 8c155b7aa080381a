import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { expandCrawl } from '../../../src/expand/expand-crawl.ts';
import { measureCrawl } from '../../../src/expand/measure-crawl.ts';
import { parseCrawlFile } from '../judged.ts';
import { sourceLength } from '../../../src/values/source-length.ts';
import type { Crawl } from '../../../src/model/plan.ts';

function crawlOf(range: string): Crawl {
  return parseCrawlFile(`url: http://a.example/{n}\nparams: { n: { ${range} } }`, 'crawl.yaml');
}

async function valuesOf(crawl: Crawl): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of expandCrawl(crawl)) {
    found.push(...chunk.map(({ values }) => values.join()));
  }
  return found;
}

describe('a range', () => {
  it.each([
    ['from: 0, to: 10, step: 5', '0 5 10'],
    ['from: 0, to: 9, step: 4', '0 4 8'],
    ['from: 3, to: 1, step: -1', '3 2 1'],
    ['from: 10, to: -10, step: -7', '10 3 -4'],
    ['from: 7, to: 7, step: -3', '7'],
    ['from: 8, to: 11, pad: 3', '008 009 010 011'],
    ['from: -2, to: 1, pad: 4', '-002 -001 0000 0001'],
    ['from: 99, to: 101, pad: 2', '99 100 101'],
    ['from: 9007199254740989, to: 9007199254740991, step: 2', '9007199254740989 9007199254740991'],
  ])('may have steps and zeros: %s', async (range, values) => {
    const crawl = crawlOf(range);
    expect(await valuesOf(crawl)).toEqual(values.split(' '));
    expect((await measureCrawl(crawl)).total).toBe(values.split(' ').length);
  });

  it('is counted without being written out', () => {
    const { sources } = crawlOf('from: 4000000000000, to: 1, step: -1000');
    expect(sources.map(sourceLength)).toEqual([4_000_000_000]);
  });

  it('has as many values as it says, all between its ends', async () => {
    const ends = fc.integer({ min: -500, max: 500 });
    await fc.assert(
      fc.asyncProperty(ends, ends, fc.integer({ min: 1, max: 90 }), async (from, to, size) => {
        const step = from > to ? -size : size;
        const crawl = crawlOf(`from: ${from}, to: ${to}, step: ${step}`);
        const numbers = (await valuesOf(crawl)).map(Number);
        expect(crawl.sources.map(sourceLength)).toEqual([numbers.length]);
        expect(numbers).toEqual(numbers.map((_, at) => from + at * step));
        const next = from + numbers.length * step;
        expect(step > 0 ? next > to : next < to).toBe(true);
        expect(Math.abs((numbers.at(-1) ?? from) - to)).toBeLessThan(size);
      }),
    );
  });

  it('is the same whether its defaults are written out', () => {
    expect(crawlOf('from: 1, to: 9, step: 1, pad: 1')).toEqual(crawlOf('from: 1, to: 9'));
  });

  it.each([
    ['from: 1, to: 9, step: 0', /:2:38 params\.n\.step: a step of 0 leads nowhere/],
    ['from: 1, to: 9, step: -1', /a step of -1 leads from 1 away from 9; to count up, write 1/],
    ['from: 9, to: 1', /the range is reversed: .*; to count down, add a negative step: -1/],
    ['from: 9, to: 1, step: 2', /params\.n\.step: the range is reversed/],
    ['from: 1, to: 9, step: 0.5', /params\.n\.step: "0\.5" is not allowed/],
    ['from: 1, to: 9, step: ', /params\.n\.step: an empty value is not allowed/],
    ['from: 1, to: 9, pad: 0', /"0" is not allowed; allowed: a whole number from 1 to 32/],
    ['from: 1, to: 9, pad: 33', /"33" is not allowed/],
    ['from: -9007199254740991, to: 9007199254740991, step: 9007199254740', /apart/],
    ['from: 0, to: 42949672960, step: 10', /more than 4294967295 values/],
    ['countries: slug, step: 2', /step: cannot be combined with countries/],
    ['step: 2', /the parameter has no values/],
  ])('is refused with a sentence: %s', (range, problem) => {
    expect(() => crawlOf(range)).toThrow(problem);
  });
});
