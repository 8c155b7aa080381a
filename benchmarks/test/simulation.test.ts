import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { outageAt } from '../simulation/breaker.ts';
import { heavyTail } from '../simulation/heavy-tail.ts';
import { internet } from '../simulation/internet.ts';
import { SPACING, startsUntil } from '../simulation/pace-limit.ts';
import { Random } from '../simulation/random.ts';
import { NO_COST, type Scenario } from '../simulation/scenario.ts';
import { simulate } from '../simulation/simulate.ts';

// Code that Jest runs looks every global up anew, so that loops are slow: scenarios are small.
const ORIGINS = 6;
/** Two of them, in seconds. */
const HOURS = 7_200;

/** A small scenario with all kinds of limits and faults. */
const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    fetches: fc.array(fc.nat(40), { minLength: ORIGINS, maxLength: ORIGINS }),
    spacing: fc.constantFrom(0, 0.1, 0.5, 2),
    inFlight: fc.constantFrom(0, 1, 2, 16),
    latency: fc.constantFrom(0.05, 0.2, 1),
    workers: fc.integer({ min: 1, max: 6 }),
    concurrency: fc.integer({ min: 1, max: 10 }),
    rounds: fc.integer({ min: 1, max: 3 }),
    stepSeconds: fc.constantFrom(0.5, 1, 5),
    faults: fc.array(
      fc.record({
        kind: fc.constantFrom('down' as const, 'refuse' as const, 'slow' as const),
        origin: fc.nat(ORIGINS - 1),
        at: fc.nat(20),
        seconds: fc.integer({ min: 1, max: 60 }),
      }),
      { maxLength: 5 },
    ),
    deaths: fc.array(fc.nat(20), { maxLength: 3 }),
    seed: fc.nat(1_000),
  })
  .map(({ fetches, spacing, inFlight, latency, rounds, faults, deaths, ...rest }) => ({
    ...rest,
    origins: {
      fetches: Int32Array.from(fetches),
      spacing: new Float64Array(ORIGINS).fill(spacing),
      inFlight: new Float64Array(ORIGINS).fill(inFlight),
      latency: new Float64Array(ORIGINS).fill(latency),
    },
    rounds,
    periodSeconds: rounds === 1 ? 0 : 10,
    horizonSeconds: 4_000,
    faults: faults.toSorted((a, b) => a.at - b.at),
    deaths: deaths.toSorted((a, b) => a - b).map((at) => ({ at, replacedAfter: 5 })),
    sliceSize: 5,
    shards: 2,
    workerCost: NO_COST,
    redisCost: NO_COST,
  }));

/** The starts of every origin, by step. */
function startsOf(scenario: Scenario) {
  const starts: { origin: number; fetches: number; from: number }[] = [];
  const result = simulate(scenario, (origin, fetches, from) => {
    starts.push({ origin, fetches, from });
  });
  return { starts, result };
}

/** Seconds between two starts of an origin that its limits ask for, at least. */
function leastSpacing({ origins }: Scenario, origin: number): number {
  const [spacing = 0, inFlight = 0] = [origins.spacing[origin], origins.inFlight[origin]];
  const place = inFlight === 0 ? 0 : (origins.latency[origin] ?? 0) / inFlight;
  return Math.max(spacing, place);
}

/** The most starts above what is allowed, in any span from one step to another. */
function mostAbove(
  starts: readonly { readonly fetches: number; readonly from: number }[],
  spacing: number,
  stepSeconds: number,
): number {
  let most = 0;
  for (const [at, first] of starts.entries()) {
    let sum = 0;
    for (const { fetches, from } of starts.slice(at)) {
      sum += fetches;
      const seconds = from + stepSeconds - first.from;
      most = Math.max(most, sum - Math.ceil(seconds / spacing) - 1);
    }
  }
  return spacing === 0 ? 0 : most;
}

function many(draw: () => number): number[] {
  return Array.from({ length: 5_000 }, draw).toSorted((a, b) => a - b);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, own) => sum + own, 0) / values.length;
}

describe('a simulated fleet', () => {
  it('ends every fetch exactly once, whatever is down and whoever dies', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const { starts, result } = startsOf(scenario);
        const started = starts.reduce((sum, { fetches }) => sum + fetches, 0);
        expect(result.finishedAt).toBeGreaterThan(0);
        expect(result.done).toBe(result.fetches);
        expect(started).toBe(result.fetches + result.repeated);
      }),
      { numRuns: 25 },
    );
  });

  it('starts no more at an origin than rate and fetches in flight allow, in any span', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const { starts } = startsOf(scenario);
        for (let origin = 0; origin < ORIGINS; origin++) {
          const own = starts.filter((start) => start.origin === origin);
          expect(mostAbove(own, leastSpacing(scenario, origin), scenario.stepSeconds)).toBe(0);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('ends no later with more workers, where no limit binds', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const free = new Float64Array(ORIGINS);
        const origins = { ...scenario.origins, spacing: free, inFlight: free };
        const given = { ...scenario, origins, faults: [], deaths: [] };
        const end = (workers: number): number =>
          simulate({ ...given, workers }).finishedAt ?? Infinity;
        // Starts are whole, so the ends of two runs may be a step apart.
        expect(end(scenario.workers + 1)).toBeLessThanOrEqual(
          end(scenario.workers) + scenario.stepSeconds,
        );
      }),
      { numRuns: 25 },
    );
  });

  it('is the same for the same seed, and another one for another', () => {
    const cost = { bulk: 100, paced: 300, visit: 1_000, workerSecond: 2_000 };
    const hours = (seed: number) =>
      simulate({
        ...internet({ origins: 50, fetches: 2_000, seed, workerCost: cost, redisCost: cost }),
        horizonSeconds: HOURS,
      });
    expect(hours(1)).toEqual(hours(1));
    expect(hours(2)).not.toEqual(hours(1));
  });

  it('is slowed by a Redis that is full, and shards take its load', () => {
    const costs = { workerCost: NO_COST, redisCost: { ...NO_COST, paced: 200_000_000 } };
    const hours = (shards: number) =>
      simulate({
        ...internet({ origins: 24, fetches: 2_400, exponent: 0, shards, ...costs }),
        horizonSeconds: HOURS,
      });
    const [one, eight] = [hours(1), hours(8)];
    expect(one.busiestShard.peak).toBeCloseTo(1);
    expect(one.done).toBeLessThan(eight.done * 0.7);
    expect(one.longestWait).toBeGreaterThan(eight.longestWait);
  });
});

describe('the parts of the simulation', () => {
  it.each([
    [0, 1, 0.5, 2],
    [0.2, 1, 0.5, 2],
    [0.6, 1, 0.5, 1],
    [1, 1, 0.5, 0],
    [3, 1, 0.5, 0],
  ])('from %p until %p, %p s apart, %p starts are allowed', (nextAt, until, spacing, starts) => {
    expect(startsUntil(nextAt, until, spacing)).toBe(starts);
  });

  it('starts are 2 % wider apart than the rate asks, as in the gate', () => {
    expect(startsUntil(0, 100, 0.1 * SPACING)).toBe(981);
  });

  it.each([
    // Ten failures, 20 ms apart, then probes after 2, 4 and 8 s.
    ['8 s', 8, { endsAt: 14.18, failed: 12 }],
    ['a moment', 0.1, { endsAt: 0.1, failed: 5 }],
    ['2 s', 2, { endsAt: 2.18, failed: 10 }],
  ])('an outage of %s ends with the first probe that is answered', (_name, upAt, expected) => {
    const { endsAt, failed } = outageAt(0, upAt, 0.02);
    expect(endsAt).toBeCloseTo(expected.endsAt);
    expect(failed).toBe(expected.failed);
  });

  it('the breaker is open for five minutes at most', () => {
    expect(outageAt(0, 3_600, 1).endsAt).toBeLessThan(3_900);
  });

  it('a heavy tail is exact, never empty and never above its bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.integer({ min: 50, max: 500 }),
        (origins, mean, exponent, most) => {
          const counts = heavyTail(origins, origins * mean, exponent, most);
          expect(counts.reduce((sum, own) => sum + own, 0)).toBe(origins * mean);
          expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
          // Rounding may add one.
          expect(Math.max(...counts)).toBeLessThanOrEqual(most + 1);
        },
      ),
    );
  });

  it('the first of a heavy tail has twice as many as the second', () => {
    const [first = 0, second = 0] = heavyTail(1_000, 1_000_000, 1);
    expect(first / second).toBeCloseTo(2, 1);
  });

  it('a heavy tail refuses fetches that no origin may have', () => {
    expect(() => heavyTail(10, 9, 1)).toThrow('at least 1');
    expect(() => heavyTail(10, 101, 1, 10)).toThrow('at most 10');
  });

  it('random numbers have the distribution that is asked for', () => {
    const random = new Random(7);
    expect(meanOf(many(() => random.uniform()))).toBeCloseTo(0.5, 1);
    expect(meanOf(many(() => random.exponential(3)))).toBeCloseTo(3, 0);
    expect(many(() => random.logNormal(2, 0.5))[2_500]).toBeCloseTo(2, 1);
  });
});
