import { describe, expect, it } from '@jest/globals';
import { paceOf } from '../scale/case-result.ts';
import { compareCase, readRealRuns } from '../scale/compared.ts';
import { costsOf } from '../scale/costs.ts';
import { linearFit } from '../scale/linear-fit.ts';
import { readPage, scaleTables, tableIn } from '../scale/scale-page.ts';
import { BASE, readDays, simulateDay, VARIANTS } from '../scale/simulated.ts';
import { familyOf, readSlopes, slopeOf } from '../scale/slopes.ts';
import { SMALL_CASES } from '../simulation/small-cases.ts';

const MOST_ERROR = 0.1;

describe('the page about scale', () => {
  it('shows the figures that are stored', async () => {
    const page = await readPage();
    for (const [name, rows] of Object.entries(await scaleTables())) {
      const shown = tableIn(page, name).split('\n');
      const cells = shown.map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
      // The second line is the rule below the head.
      expect(cells.filter((_, at) => at !== 1)).toEqual(rows);
    }
  });

  it('has days that were simulated with the slopes that it shows', async () => {
    const { costs, days } = await readDays();
    expect(costs).toEqual(costsOf(await readSlopes()));
    expect(days.map(({ name }) => name)).toEqual(VARIANTS.map(({ name }) => name));
  });
});

describe('the simulation', () => {
  it.each(SMALL_CASES.map((given) => ({ given, name: given.name })))(
    'is at most 10 % away from a real run: $name',
    async ({ given }) => {
      const { secondsError, paceError } = compareCase(given, await readRealRuns());
      expect(Math.abs(secondsError)).toBeLessThanOrEqual(MOST_ERROR);
      expect(Math.abs(paceError)).toBeLessThanOrEqual(MOST_ERROR);
    },
  );

  it('takes its costs from the measured slopes', async () => {
    const slopes = await readSlopes();
    const { workerCost, redisCost } = costsOf(slopes);
    expect(redisCost.paced).toBe(slopeOf(slopes, 'paced fetch', 'redisMicros'));
    expect(workerCost.bulk).toBeGreaterThan(slopeOf(slopes, 'fetch', 'workerMicros'));
    const small = { ...BASE.options, origins: 200, fetches: 10_000 };
    const { done, busiest } = simulateDay({ name: 'small', options: small }, slopes);
    expect(done).toBeGreaterThan(9_900);
    expect(busiest.redisCores).toBeGreaterThan(0);
  });

  it('compares with the fastest run, and refuses a case that was not run', () => {
    const [given] = SMALL_CASES;
    if (given === undefined) {
      throw new Error('there are no cases');
    }
    const runs = [
      { seconds: 30, pace: 40 },
      { seconds: 21, pace: 48 },
    ];
    const compared = compareCase(given, { cases: { [given.name]: runs } });
    expect(compared).toMatchObject({ runs: 2, real: { seconds: 21 } });
    expect(() => compareCase(given, { cases: {} })).toThrow('was not run');
  });
});

describe('slopes', () => {
  it('are those of the line with the least squares', () => {
    const line = linearFit([1, 2, 4, 8].map((x) => [x, 3 + 2 * x] as const));
    expect(line.slope).toBeCloseTo(2);
    expect(line.intercept).toBeCloseTo(3);
    expect(line.residual).toBeCloseTo(0);
    expect(
      linearFit([
        [0, 0],
        [1, 2],
        [2, 2],
      ]),
    ).toMatchObject({ slope: 1, residual: expect.closeTo(1 / 3) });
    expect(() => linearFit([[1, 1]])).toThrow('two different places');
  });

  it('are named by what grows, and missing ones are named', () => {
    const family = familyOf({ per: 'fetch', about: '' }, [
      [10, { micros: 100 }],
      [20, { micros: 200 }],
      [10, { micros: 100 }],
    ]);
    expect(family.sizes).toEqual([10, 20]);
    const slopes = { takenAt: '', commit: '', machine: [], families: [family] };
    expect(slopeOf(slopes, 'fetch', 'micros')).toBeCloseTo(10);
    expect(() => slopeOf(slopes, 'origin', 'micros')).toThrow('no micros per origin');
  });

  it('the pace leaves out the first and the last quarter', () => {
    const times = [0, 1_000, 1_100, 1_200, 1_300, 1_400, 1_500, 9_000];
    expect(paceOf(times)).toBeCloseTo(10);
  });
});
