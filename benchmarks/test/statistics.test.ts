import { describe, expect, it } from '@jest/globals';
import { ratioOf, type Score, shareOf } from '../contest.ts';
import { growthAfterWarmUp, type MemorySample } from '../memory-watch.ts';
import { logLogSlope, spreadOf } from '../statistics.ts';

const scoreOf = (name: string, seconds: readonly number[]): Score => ({
  name,
  samples: seconds.map((own) => ({ fetches: 100, seconds: own })),
});

describe('figures', () => {
  it.each([
    [[3], { median: 3, low: 3, high: 3 }],
    [[9, 1, 5], { median: 5, low: 1, high: 9 }],
    [[4, 1, 2, 10], { median: 3, low: 1, high: 10 }],
  ])('the median of %p stands between its extremes', (values, expected) => {
    expect(spreadOf(values)).toEqual(expected);
  });

  it('have no median without values', () => {
    expect(spreadOf([])).toBeUndefined();
  });

  it('compare contenders round by round, so that a slow round of both cancels out', () => {
    const ratio = ratioOf(scoreOf('a', [1, 10, 1]), scoreOf('b', [2, 20, 2]));
    expect(ratio).toEqual({ median: 2, low: 2, high: 2 });
    expect(shareOf(scoreOf('a', [1, 2]), 200)).toEqual({ median: 0.375, low: 0.25, high: 0.5 });
  });

  it.each([
    ['constant', () => 7, 0],
    ['linear', (x: number) => 3 * x, 1],
    ['quadratic', (x: number) => x * x, 2],
  ])('growth that is %s has its exponent as slope', (_name, of, slope) => {
    expect(logLogSlope([10, 100, 1_000].map((x) => [x, of(x)] as const))).toBeCloseTo(slope);
  });

  it('ignore growth in the first half of the time and the sawtooth of the collector', () => {
    const samples = Array.from({ length: 400 }, (_, at): MemorySample => {
      return [at, at < 200 ? at : 200 + (at % 2)];
    });
    expect(growthAfterWarmUp(samples)).toBeCloseTo(0, 2);
    const leak = samples.map(([at]): MemorySample => [at, 100 + at]);
    expect(growthAfterWarmUp(leak)).toBeGreaterThan(0.4);
  });
});
