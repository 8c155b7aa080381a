import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { firstIndex, packSlice, unpackSlice } from '../../src/slice/pack-slice.ts';
import { InvalidSliceError, parseSlice } from '../../src/slice/parse-slice.ts';
import { MAX_SLICE, type PendingFetch, type Slice } from '../../src/slice/slice.ts';

const batch = 'countries-20261123-0017-k3f9';
const origin = 'http://api.example';

function fresh(index: number, ...values: string[]): PendingFetch {
  return { index, values, attempts: 0, dueAt: 0, throttledSince: 0 };
}

function arbitraryFetches(width: number) {
  const state = {
    attempts: fc.oneof(fc.constant(0), fc.nat(5)),
    dueAt: fc.oneof(fc.constant(0), fc.maxSafeNat()),
    throttledSince: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  };
  const reason = fc.record(
    {
      outcome: fc.constantFrom('http-error', 'network-error', 'timeout'),
      code: fc.constantFrom('HTTP_503', 'ECONNREFUSED'),
      message: fc.oneof(fc.constant('it is down'), fc.string()),
      status: fc.integer({ min: 100, max: 599 }),
    },
    { requiredKeys: ['outcome', 'code', 'message'], noNullPrototype: true },
  );
  const index = fc.oneof(fc.nat(100), fc.nat(2 ** 32 - 2));
  const value = fc.oneof(fc.constantFrom('a', 'b'), fc.string());
  const values = fc.array(value, { minLength: width, maxLength: width });
  const arbitrary = fc.record(
    { index, values, ...state, reason },
    {
      requiredKeys: ['index', 'values', 'attempts', 'dueAt', 'throttledSince'],
      noNullPrototype: true,
    },
  );
  return fc.uniqueArray(arbitrary, {
    minLength: 1,
    maxLength: MAX_SLICE,
    selector: (fetch) => fetch.index,
  });
}

describe('packSlice', () => {
  it('packs runs of indexes, equal values and state', () => {
    const waiting = { ...fresh(40, 'kenya', '4'), attempts: 2, dueAt: 1_732_320_000_000 };
    const fetches = [fresh(17, 'kenya', '1'), fresh(18, 'kenya', '2'), fresh(19, 'kenya', '3')];
    expect(packSlice(batch, origin, [waiting, ...fetches])).toEqual({
      batch,
      origin,
      ranges: [17, 3, 40, 1],
      columns: ['kenya', ['1', '2', '3', '4']],
      state: [[3, 2, 1_732_320_000_000, 0]],
    });
  });

  it('stores a reason once, for all fetches that have it, and none for fetches without', () => {
    const reason = { outcome: 'network-error', code: 'ECONNREFUSED', message: 'refused' } as const;
    const other = { outcome: 'http-error', code: 'HTTP_503', message: 'x', status: 503 } as const;
    const fetches = [
      { ...fresh(0, 'a'), attempts: 1, reason },
      { ...fresh(1, 'a'), attempts: 1, reason: other },
      { ...fresh(2, 'a'), attempts: 2, reason: { ...reason } },
      fresh(3, 'a'),
    ];
    expect(packSlice(batch, origin, fetches).reasons).toEqual([
      { ...reason, positions: [0, 2] },
      { ...other, positions: [1] },
    ]);
    expect(packSlice(batch, origin, [fresh(3, 'a')])).not.toHaveProperty('reasons');
  });

  it('restores every fetch after JSON, in index order', () => {
    fc.assert(
      fc.property(
        fc.nat(3).chain((width) => fc.tuple(fc.constant(width), arbitraryFetches(width))),
        ([width, fetches]) => {
          const slice = packSlice(batch, origin, fetches);
          const parsed = parseSlice(JSON.parse(JSON.stringify(slice)), width);
          expect(unpackSlice(parsed)).toEqual(fetches.toSorted((a, b) => a.index - b.index));
          expect(firstIndex(parsed)).toBe(Math.min(...fetches.map(({ index }) => index)));
        },
      ),
    );
  });

  it.each([
    ['no fetch', []],
    ['51 fetches', Array.from({ length: 51 }, (_, index) => fresh(index))],
    ['a duplicate index', [fresh(1), fresh(1)]],
    ['a duplicate index in a run', [fresh(1), fresh(2), fresh(3), fresh(2)]],
  ])('refuses %s', (_, fetches) => {
    expect(() => packSlice(batch, origin, fetches)).toThrow(RangeError);
  });
});

describe('parseSlice', () => {
  const valid: Slice = { batch, origin, ranges: [0, 2], columns: ['x', ['1', '2']] };

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /not an object/],
    ['null', null, /not an object/],
    ['a list', [], /not an object/],
    ['a text', 'slice', /not an object/],
    ['no batch', { ...valid, batch: undefined }, /batch/],
    ['a batch that leaves its folder', { ...valid, batch: '../x' }, /batch/],
    ['no origin', { ...valid, origin: 5 }, /origin/],
    ['an origin with a path', { ...valid, origin: 'http://a/b' }, /origin/],
    ['an origin of another kind', { ...valid, origin: 'ftp://a' }, /origin/],
    ['no ranges', { ...valid, ranges: 'x' }, /ranges/],
    ['empty ranges', { ...valid, ranges: [] }, /ranges/],
    ['half a range', { ...valid, ranges: [0, 1, 5] }, /ranges/],
    ['a negative index', { ...valid, ranges: [-1, 2] }, /ranges/],
    ['a fraction', { ...valid, ranges: [0.5, 2] }, /ranges/],
    ['an empty range', { ...valid, ranges: [0, 0] }, /ranges\[1\]/],
    ['overlapping ranges', { ...valid, ranges: [0, 2, 1, 1] }, /ranges\[2\]/],
    ['too many fetches', { ...valid, ranges: [0, 51] }, /more than 50/],
    ['a huge count', { ...valid, ranges: [0, Number.MAX_SAFE_INTEGER] }, /more than 50/],
    ['an unsafe index', { ...valid, ranges: [Number.MAX_SAFE_INTEGER, 2] }, /too large/],
    ['no columns', { ...valid, columns: {} }, /columns/],
    ['a missing column', { ...valid, columns: ['x'] }, /1 columns.*2 parameters/],
    ['a short column', { ...valid, columns: ['x', ['1']] }, /columns\[1\]/],
    ['a column of numbers', { ...valid, columns: ['x', [1, 2]] }, /columns\[1\]/],
    ['state that is not an array', { ...valid, state: {} }, /state/],
    ['state of three', { ...valid, state: [[0, 0, 0]] }, /state/],
    ['negative state', { ...valid, state: [[0, -1, 0, 0]] }, /state/],
    ['state out of place', { ...valid, state: [[2, 1, 0, 0]] }, /position 2/],
    ['reasons that are not an array', { ...valid, reasons: {} }, /reasons/],
    [
      'a reason that is none',
      { ...valid, reasons: [{ outcome: 'ok', code: 'x', message: 'x', positions: [0] }] },
      /reasons/,
    ],
    [
      'a reason out of place',
      { ...valid, reasons: [{ outcome: 'timeout', code: 'x', message: 'x', positions: [2] }] },
      /reasons/,
    ],
    [
      'a duplicate position',
      {
        ...valid,
        state: [
          [0, 1, 0, 0],
          [0, 1, 0, 0],
        ],
      },
      /position 0/,
    ],
  ])('refuses %s and says why', (_, value, reason) => {
    expect(() => parseSlice(value, 2)).toThrow(InvalidSliceError);
    expect(() => parseSlice(value, 2)).toThrow(reason);
  });

  it('accepts a valid slice and drops unknown keys', () => {
    expect(parseSlice({ ...valid, extra: 1 }, 2)).toEqual(valid);
    expect(parseSlice(valid)).toEqual(valid);
  });

  it('reads the ticket of a slice that version 0.1 deferred', () => {
    expect(parseSlice({ ...valid, position: 7 }, 2)).toEqual({ ...valid, ticket: 7 });
  });

  it('throws nothing but InvalidSliceError for any value', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(() => parseSlice(value)).toThrow(InvalidSliceError);
      }),
    );
  });
});
