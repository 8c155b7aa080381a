import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Expansion } from '../../src/expand/expand-crawl.ts';
import { firstIndex, unpackSlice } from '../../src/slice/pack-slice.ts';
import { packSlices, sliceSizeFor } from '../../src/slice/pack-slices.ts';
import { isMixed, type Slice } from '../../src/slice/slice.ts';

async function* inChunks(fetches: readonly Expansion[], size: number) {
  for (let at = 0; at < fetches.length; at += size) {
    yield fetches.slice(at, at + size);
  }
}

async function pack(
  fetches: readonly Expansion[],
  sliceSize: number,
  { chunk = 1000, mixesOrigins = false } = {},
) {
  const slices: Slice[] = [];
  const packing = { sliceSize, mixesOrigins };
  for await (const some of packSlices('b-1', inChunks(fetches, chunk), packing)) {
    slices.push(...some);
  }
  return slices;
}

function fetchesOf(origins: readonly number[]): Expansion[] {
  return origins.map((origin, index) => ({
    index,
    values: [String(index)],
    origin: `http://h${origin}`,
  }));
}

describe('sliceSizeFor', () => {
  it.each([
    [1, 1],
    [195, 3],
    [249, 3],
    [3199, 49],
    [3200, 50],
    [1_000_000, 50],
  ])('splits %s fetches into slices of %s', (total, size) => {
    expect(sliceSizeFor(total)).toBe(size);
  });
});

describe('packSlices', () => {
  it('packs each fetch once, with its own origin, for any chunk size', async () => {
    const origins = fc.array(fc.nat(5), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(
        origins,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 99 }),
        fc.boolean(),
        async (order, size, chunk, mixesOrigins) => {
          const fetches = fetchesOf(order);
          const slices = await pack(fetches, size, { chunk, mixesOrigins });
          const unpacked = slices.flatMap((slice) =>
            unpackSlice(slice).map(({ index, values }) => ({
              index,
              values,
              origin: isMixed(slice) ? fetches[index]?.origin : slice.origin,
            })),
          );
          expect(unpacked.toSorted((a, b) => a.index - b.index)).toEqual(fetches);
          expect(slices).toEqual(await pack(fetches, size, { mixesOrigins }));
          expect(new Set(slices.map(firstIndex)).size).toBe(slices.length);
        },
      ),
    );
  });

  it('fills slices of one origin up to their size', async () => {
    const slices = await pack(fetchesOf(Array.from({ length: 120 }, () => 0)), 50);
    expect(slices.map(({ ranges }) => ranges)).toEqual([
      [0, 50],
      [50, 50],
      [100, 20],
    ]);
  });

  it('closes the oldest open slice if too many are open', async () => {
    const order = [...Array.from({ length: 1001 }, (_, at) => at), 0];
    const slices = await pack(fetchesOf(order), 50);
    expect(slices[0]).toMatchObject({ origin: 'http://h0', ranges: [0, 1] });
    expect(slices.filter(({ origin }) => origin === 'http://h0')).toHaveLength(2);
    expect(slices).toHaveLength(1002);
  });

  it('lets origins with few fetches share slices, each with all of its fetches', async () => {
    const many = Array.from({ length: 50 }, () => 0);
    const few = Array.from({ length: 100 }, (_, at) => 1 + (at % 50));
    const slices = await pack(fetchesOf([...many, ...few, 0]), 50, { mixesOrigins: true });
    // What is left alone is a slice of one origin.
    expect(slices.map(({ origin }) => origin)).toEqual(['http://h0', '', '', 'http://h0']);
    const [, first = []] = slices.map((slice) => unpackSlice(slice).map(({ index }) => index));
    expect(first).toHaveLength(50);
    expect(new Set(first.map((index) => index % 50)).size).toBe(25);
  });

  it.each([0, 51, 1.5])('refuses slices of %s', async (size) => {
    await expect(pack([], size)).rejects.toThrow(RangeError);
  });
});
