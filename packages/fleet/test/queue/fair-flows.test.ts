import { describe, expect, it } from '@jest/globals';
import { FairFlows } from '../../src/queue/fair-flows.ts';

const A = 'http://a.example';
const B = 'http://b.example';

/** Origins of a batch in the order of their tags, `slices` each, `fetches` in a slice. */
function tagAll(flows: FairFlows, batch: string, origins: number, slices: number) {
  const tags: { origin: number; tag: number }[] = [];
  for (let i = 0; i < slices; i++) {
    for (let origin = 0; origin < origins; origin++) {
      tags.push({ origin, tag: flows.next(batch, `http://${origin}.example`, 50, 0) });
    }
  }
  return tags;
}

describe('virtual finish times', () => {
  it('grow by one for each 50 fetches of a flow', () => {
    const flows = new FairFlows();
    expect([50, 50, 25, 5].map((fetches) => flows.next('x', A, fetches, 0))).toEqual([
      1, 2, 2.5, 2.6,
    ]);
  });

  it('begin at the virtual time, however long the flow had nothing queued', () => {
    const flows = new FairFlows();
    flows.next('x', A, 50, 0);
    expect(flows.next('x', A, 50, 7)).toBe(8);
    expect(flows.next('y', A, 50, 7)).toBe(8);
  });

  it('are the same for two origins of one batch', () => {
    const flows = new FairFlows();
    const first = [0, 0, 0].map((now) => flows.next('x', A, 50, now));
    expect([0, 0, 0].map((now) => flows.next('x', B, 50, now))).toEqual(first);
  });

  it('let a batch of a thousand origins weigh as much as a batch of four', () => {
    const flows = new FairFlows();
    const many = tagAll(flows, 'many', 1_000, 10);
    const [, , last] = [50, 50, 50].map((fetches) => flows.next('one', A, fetches, 0));
    const before = many.filter(({ tag }) => tag <= (last ?? 0));
    expect(before.length).toBeLessThanOrEqual(3 * 4 + 2);
    // Among themselves they take turns: nobody is served three times before all were served once.
    const firstRound = Math.max(...many.slice(0, 1_000).map(({ tag }) => tag));
    const early = new Map<number, number>();
    for (const { origin, tag } of many) {
      if (tag <= firstRound) early.set(origin, (early.get(origin) ?? 0) + 1);
    }
    expect(Math.max(...early.values())).toBeLessThanOrEqual(3);
  });

  it('remember only flows that are ahead, and not too many of them', () => {
    const flows = new FairFlows(10);
    tagAll(flows, 'x', 100, 1);
    flows.forget(0);
    expect(flows.size).toBe(10);
    flows.forget(1_000);
    expect(flows.size).toBe(0);
  });
});
