import { describe, expect, it } from '@jest/globals';
import { LineList } from '../../src/export/line-list.ts';
import { RecordIndex } from '../../src/export/record-index.ts';

/** Places in the order of the walk, and how many came at a time. */
function walk(index: RecordIndex, lines: LineList, maxBytes: number) {
  const places: (readonly [number, number])[] = [];
  const counts: number[] = [];
  for (const { count } of index.walk(lines, maxBytes)) {
    counts.push(count);
    for (let at = 0; at < count; at += 1) places.push([lines.position(at), lines.length(at)]);
  }
  return { places, counts };
}

const placesOf = (index: RecordIndex): (readonly [number, number])[] =>
  walk(index, new LineList(2), 1e12).places;

describe('RecordIndex', () => {
  it('keeps positions of 48 bits and lengths of 32, and replaces them', () => {
    const index = new RecordIndex();
    const places = [
      [0, 1],
      [2 ** 32 - 1, 65_534],
      [2 ** 32, 65_535],
      [2 ** 48 - 1, 2 ** 29],
      [5, 65_536],
    ] as const;
    for (const [at, [position, length]] of places.entries()) index.set(at, position, length);
    expect(placesOf(index)).toEqual(places);
    for (const [at, [position, length]] of places.toReversed().entries()) {
      index.set(at, position, length);
      expect([index.position(at), index.length(at)]).toEqual([position, length]);
    }
    expect(placesOf(index)).toEqual(places.toReversed());
    expect([index.size, index.highest]).toEqual([5, 4]);
  });

  it('walks in index order over pages that are far apart', () => {
    const index = new RecordIndex();
    for (const at of [999_999_999_999_999, 65_536, 3, 65_535]) index.set(at, at % 1000, 10);
    expect(placesOf(index).map(([position]) => position)).toEqual([3, 535, 536, 999]);
    expect(index.has(4)).toBe(false);
    expect(index.has(65_536)).toBe(true);
  });

  it('fills a list up to its lines and bytes, and takes a longer line alone', () => {
    const index = new RecordIndex();
    for (const [at, length] of [40, 40, 40, 500, 40, 40].entries()) index.set(at, at, length);
    expect(walk(index, new LineList(10), 100).counts).toEqual([2, 1, 1, 2]);
  });
});
