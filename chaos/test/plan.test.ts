import { describe, expect, it } from '@jest/globals';
import { makeCrawl } from '../model/crawls.ts';
import { FAULTS } from '../nemesis/catalogue.ts';
import { makePlan, type Step } from '../nemesis/plan.ts';
import { seededRandom } from '../random.ts';

function steps(seed: number, count: number): readonly Step[] {
  const plan = makePlan(seed, FAULTS);
  return Array.from({ length: count }, () => plan.next().value);
}

const named = (plan: readonly Step[]): unknown =>
  plan.map(({ faults, ...times }) => ({
    ...times,
    faults: faults.map(({ fault, dice, holdMs }) => [fault.name, dice, holdMs]),
  }));

describe('a plan', () => {
  it('is the same for the same seed, and another one for another seed', () => {
    expect(named(steps(7, 50))).toEqual(named(steps(7, 50)));
    expect(named(steps(8, 50))).not.toEqual(named(steps(7, 50)));
  });

  it('has every fault sooner or later, alone and with faults of other groups', () => {
    const plan = steps(1, 1_000);
    const names = new Set(plan.flatMap(({ faults }) => faults.map(({ fault }) => fault.name)));
    const usual = FAULTS.filter(({ weight }) => weight > 0).map(({ name }) => name);
    expect([...names].toSorted()).toEqual(usual.toSorted());
    const pairs = plan.filter(({ faults }) => faults.length === 2);
    expect(pairs.length).toBeGreaterThan(200);
    expect(pairs.filter(({ faults: [a, b] }) => a?.fault.group === b?.fault.group)).toEqual([]);
  });

  it('keeps the time that each fault may stay', () => {
    const planned = steps(2, 300).flatMap(({ faults }) => faults);
    expect(
      planned.filter(({ fault, holdMs }) => holdMs < fault.holdMs[0] || holdMs > fault.holdMs[1]),
    ).toEqual([]);
  });
});

describe('a crawl', () => {
  it('is the same for the same dice', () => {
    const [one, two] = [3, 3].map((seed) =>
      makeCrawl(seededRandom(seed), { number: 1, port: 80, isOld: false }),
    );
    expect(one).toEqual(two);
  });

  it('has only what version 0.1 knows, if a producer of that is to read it', () => {
    const texts = Array.from(
      { length: 100 },
      (_, seed) => makeCrawl(seededRandom(seed), { number: 1, port: 80, isOld: true }).text,
    );
    expect(texts.filter((text) => text.includes('paginate'))).toEqual([]);
  });
});
