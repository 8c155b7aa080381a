import { describe, expect, it } from '@jest/globals';
import { concurrencyExcess, rateExcesses } from '../checks/limit-check.ts';
import type { Arrived, Ended } from '../origin/origin-messages.ts';

const limits = { rate: 10, burst: 2, concurrency: 2 };
const always = [{ limits, from: 0, to: Infinity }];
const punctual = (): number => 0;
const from = 1_000_000;

/** So many requests at the same distance. */
function requests(count: number, distanceMs: number): number[] {
  return Array.from({ length: count }, (_, at) => from + at * distanceMs);
}

describe('the check of a rate', () => {
  it('accepts what the limit allows', () => {
    expect(rateExcesses(requests(100, 100), always, punctual)).toEqual([]);
    expect(rateExcesses([from, from, ...requests(10, 100)], always, punctual)).toEqual([]);
  });

  it('finds a second with more than limit and burst', () => {
    const [excess] = rateExcesses([from, from, from, ...requests(10, 100)], always, punctual);
    expect(excess).toEqual({ at: from, windowMs: 1_000, count: 13, allowed: 12 });
  });

  it('finds a rate that is a little too high in ten seconds', () => {
    expect(rateExcesses(requests(200, 91), always, punctual)).toEqual([
      { at: from, windowMs: 10_000, count: 103, allowed: 102 },
    ]);
  });

  it('accepts what was late, as far as the machine was', () => {
    const late = [...requests(5, 0), ...requests(10, 100)];
    expect(rateExcesses(late, always, punctual)).toHaveLength(1);
    expect(rateExcesses(late, always, () => 300)).toEqual([]);
  });

  it('accepts the old limit for two seconds after a change', () => {
    const changed = [
      { limits: { ...limits, rate: 20 }, from: 0, to: from },
      { limits, from, to: Infinity },
    ];
    expect(rateExcesses(requests(30, 50), changed, punctual)).toEqual([]);
    expect(rateExcesses(requests(100, 50), changed, punctual)).not.toEqual([]);
  });
});

/** Requests with their ends. */
function flights(...times: readonly (readonly [at: number, end: number, answered?: boolean])[]) {
  const arrivals = times.map(([at], id): Arrived => [id, from + at, 'host', '/', 0]);
  const ends = times.map(([, end, answered = true], id): [number, Ended] => [
    id,
    [id, from + end, answered],
  ]);
  return concurrencyExcess(arrivals, new Map(ends), always);
}

describe('the check of a concurrency', () => {
  it('accepts one after the other', () => {
    expect(flights([0, 50], [10, 60], [50, 90], [60, 100])).toBeUndefined();
  });

  it('finds one too many', () => {
    expect(flights([0, 50], [10, 60], [40, 90])).toMatchObject({ at: from + 40, count: 3 });
  });

  it('knows that an origin notices late that a client has gone', () => {
    expect(flights([0, 1_000], [0, 1_000, false], [800, 1_200])).toBeUndefined();
  });
});
