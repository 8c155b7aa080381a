import { describe, expect, it } from '@jest/globals';
import { histogramOf } from '../../src/records/latency.ts';

describe('the histogram of durations', () => {
  it('counts each one below its bound, and has no empty ends', () => {
    expect(histogramOf([0, 1, 1.5, 12, 20, 99_999_999])).toMatchObject([
      { upToMs: 1, count: 2 },
      { upToMs: 2, count: 1 },
      { upToMs: 5, count: 0 },
      { upToMs: 10, count: 0 },
      { upToMs: 20, count: 2 },
      ...Array.from({ length: 10 }, () => ({ count: 0 })),
      { upToMs: null, count: 1 },
    ]);
    expect(histogramOf([12])).toEqual([{ upToMs: 20, count: 1 }]);
    expect(histogramOf([])).toEqual([]);
  });
});
