import { describe, expect, it } from '@jest/globals';
import { LineList, RecordIndex } from '../../src/export/record-index.ts';

/** Positions and lengths in walk order, and the number of lines in each step. */
function walk(index: RecordIndex, lines: LineList, maxBytes: number) {
  const places: (readonly [number, number])[] = [];
  const counts: number[] = [];
  for (const { count } of index.walk(lines, maxBytes)) {
    counts.push(count);
    for (let at = 0; at < count; at += 1) {
      places.push([lines.position(at), lines.length(at)]);
    }
  }
  return { places, counts };
}

const placesOf = (index: RecordIndex): (readonly [number, number])[] =>
  walk(index, new LineList(2), 1e12).places;

describe('RecordIndex', () => {
  it('stores and replaces 47-bit positions and 32-bit lengths', () => {
    const index = new RecordIndex();
    const places = [
      [0, 1],
      [2 ** 32 - 1, 65_534],
      [2 ** 32, 65_535],
      [2 ** 47 - 1, 2 ** 29],
      [5, 65_536],
    ] as const;
    for (const [at, [position, length]] of places.entries()) {
      index.set(at, position, length);
    }
    expect(placesOf(index)).toEqual(places);
    for (const [at, [position, length]] of places.toReversed().entries()) {
      index.set(at, position, length);
      expect([index.position(at), index.length(at)]).toEqual([position, length]);
    }
    expect(placesOf(index)).toEqual(places.toReversed());
    expect([index.size, index.highest]).toEqual([5, 4]);
  });

  it('marks last pages beside the position, and forgets what is removed', () => {
    const index = new RecordIndex();
    index.set(3, 2 ** 47 - 1, 70_000, true);
    index.set(4, 2 ** 47 - 1, 7);
    expect([index.isLast(3), index.isLast(4), index.isLast(5)]).toEqual([true, false, false]);
    expect(index.position(3)).toBe(2 ** 47 - 1);
    index.remove(3);
    index.remove(9);
    expect([...index.keys(), index.size, index.length(3)]).toEqual([4, 1, 0]);
    index.set(4, 1, 7, true);
    index.set(4, 1, 7);
    expect(index.isLast(4)).toBe(false);
  });

  it('walks in index order over distant pages', () => {
    const index = new RecordIndex();
    for (const at of [999_999_999_999_999, 65_536, 3, 65_535]) {
      index.set(at, at % 1000, 10);
    }
    expect(placesOf(index).map(([position]) => position)).toEqual([3, 535, 536, 999]);
    expect(index.has(4)).toBe(false);
    expect(index.has(65_536)).toBe(true);
  });

  it('fills a list up to its line and byte limits, and puts a longer line in its own list', () => {
    const index = new RecordIndex();
    for (const [at, length] of [40, 40, 40, 500, 40, 40].entries()) {
      index.set(at, at, length);
    }
    expect(walk(index, new LineList(10), 100).counts).toEqual([2, 1, 1, 2]);
  });
});
