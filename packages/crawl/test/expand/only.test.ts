import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { expandCrawl } from '../../src/expand/expand-crawl.ts';
import { fingerprintOf } from '../../src/expand/fingerprint.ts';
import { measureCrawl } from '../../src/expand/measure-crawl.ts';
import { MAX_SPREAD, type OnlyChoice, positionsOf, withOnly } from '../../src/expand/only.ts';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import type { Crawl } from '../../src/model/plan.ts';

/** A crawl of 12 × `years` fetches. */
function crawlOf(years: number): Crawl {
  const params = `{ month: { from: 1, to: 12 }, year: { from: 1, to: ${years} } }`;
  return parseCrawlFile(`url: http://a.example/{month}{?year}\nparams: ${params}`, 'crawl.yaml');
}

async function valuesOf(crawl: Crawl): Promise<string[]> {
  const all: string[] = [];
  for await (const chunk of expandCrawl(crawl)) {
    for (const { index, values } of chunk) {
      expect(index).toBe(all.length);
      all.push(values.join(' '));
    }
  }
  return all;
}

describe('some of the fetches of a crawl', () => {
  it('are the first ones', async () => {
    const some = withOnly(crawlOf(10), { first: 3 }, 120);
    expect(await valuesOf(some)).toEqual(['1 1', '1 2', '1 3']);
    expect(await measureCrawl(some)).toMatchObject({ total: 3 });
  });

  it('are spread from the first to the last one', async () => {
    const some = withOnly(crawlOf(10), { spread: 4 }, 120);
    expect(await valuesOf(some)).toEqual(['1 1', '4 10', '8 10', '12 10']);
    expect(await measureCrawl(some)).toMatchObject({ total: 4 });
    expect(await valuesOf(withOnly(crawlOf(10), { spread: 1 }, 120))).toEqual(['1 1']);
  });

  it('are a part of what the whole crawl expands to, of the size that was asked for', async () => {
    const sizes = fc.integer({ min: 1, max: 600 });
    const choices = fc.oneof(
      fc.record({ first: sizes }),
      fc.record({ spread: sizes }),
    ) satisfies fc.Arbitrary<OnlyChoice>;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 45 }), choices, async (years, choice) => {
        const whole = crawlOf(years);
        const all = await valuesOf(whole);
        const some = await valuesOf(withOnly(whole, choice, all.length));
        const size = 'first' in choice ? choice.first : choice.spread;
        expect(some).toHaveLength(Math.min(size, all.length));
        const placeOf = new Map(all.map((one, place) => [one, place]));
        const places = some.map((one) => placeOf.get(one) ?? -1);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        expect(new Set(places).size).toBe(places.length);
        const isSpread = 'spread' in choice && size > 1;
        const ends = isSpread ? [all[0], all.at(-1)] : [all[0], all[some.length - 1]];
        expect([some[0], some.at(-1)]).toEqual(ends);
      }),
      { numRuns: 60 },
    );
  });

  it('have positions that differ, also in the largest batch', () => {
    const of = 2 ** 32 - 1;
    const positionOf = positionsOf({ spread: MAX_SPREAD, of });
    let last = -1;
    for (let index = 0; index < MAX_SPREAD; index += 1) {
      const position = positionOf(index) ?? -1;
      if (position <= last) {
        throw new Error(`index ${index} is at ${position}, behind ${last}`);
      }
      last = position;
    }
    expect([positionOf(0), last, positionOf(MAX_SPREAD)]).toEqual([0, of - 1, undefined]);
  });

  it('have a fingerprint of their own, unless nothing is left out', async () => {
    const whole = crawlOf(1);
    const fingerprints = await Promise.all([
      fingerprintOf(whole),
      fingerprintOf(withOnly(whole, { first: 11 }, 12)),
      fingerprintOf(withOnly(whole, { spread: 11 }, 12)),
    ]);
    expect(new Set(fingerprints).size).toBe(3);
    expect(withOnly(whole, { first: 12 }, 12)).toBe(whole);
    expect(withOnly(whole, { spread: 13 }, 12)).toBe(whole);
  });

  it('are left when they are aborted in what is skipped', async () => {
    const stop = new AbortController();
    const huge = { ...crawlOf(100_000_000), only: { spread: 2, of: 1_200_000_000 } };
    const expansion = expandCrawl(huge, { signal: stop.signal });
    const first = expansion.next();
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(first).rejects.toThrow('enough');
  });
});
