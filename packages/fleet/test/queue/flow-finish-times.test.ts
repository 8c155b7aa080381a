import { describe, expect, it } from '@jest/globals';
import { FlowFinishTimes } from '../../src/queue/flow-finish-times.ts';

const A = 'http://a.example';
const B = 'http://b.example';

/** Finish times of `slices` slices of 50 fetches for each origin of a batch, in turns. */
function finishTimesOf(flows: FlowFinishTimes, batch: string, origins: number, slices: number) {
  const times: { origin: number; finish: number }[] = [];
  for (let i = 0; i < slices; i++) {
    for (let origin = 0; origin < origins; origin++) {
      times.push({ origin, finish: flows.next(batch, `http://${origin}.example`, 50, 0) });
    }
  }
  return times;
}

describe('virtual finish times', () => {
  it('grow by one for every 50 fetches of a flow', () => {
    const flows = new FlowFinishTimes();
    expect([50, 50, 25, 5].map((fetches) => flows.next('x', A, fetches, 0))).toEqual([
      1, 2, 2.5, 2.6,
    ]);
  });

  it('start at the virtual time after the flow had nothing queued', () => {
    const flows = new FlowFinishTimes();
    flows.next('x', A, 50, 0);
    expect(flows.next('x', A, 50, 7)).toBe(8);
    expect(flows.next('y', A, 50, 7)).toBe(8);
  });

  it('are the same for two origins of one batch', () => {
    const flows = new FlowFinishTimes();
    const first = [0, 0, 0].map((now) => flows.next('x', A, 50, now));
    expect([0, 0, 0].map((now) => flows.next('x', B, 50, now))).toEqual(first);
  });

  it('give a batch of a thousand origins the weight of a batch of four', () => {
    const flows = new FlowFinishTimes();
    const many = finishTimesOf(flows, 'many', 1_000, 10);
    const [, , last] = [50, 50, 50].map((fetches) => flows.next('one', A, fetches, 0));
    const before = many.filter(({ finish }) => finish <= (last ?? 0));
    expect(before.length).toBeLessThanOrEqual(3 * 4 + 2);
    // The origins take turns: none has more than three slices in the first round.
    const firstRound = Math.max(...many.slice(0, 1_000).map(({ finish }) => finish));
    const early = new Map<number, number>();
    for (const { origin, finish } of many) {
      if (finish <= firstRound) {
        early.set(origin, (early.get(origin) ?? 0) + 1);
      }
    }
    expect(Math.max(...early.values())).toBeLessThanOrEqual(3);
  });

  it('are kept only for flows ahead of the virtual time, and only for so many', () => {
    const flows = new FlowFinishTimes(10);
    finishTimesOf(flows, 'x', 100, 1);
    flows.forget(0);
    expect(flows.size).toBe(10);
    flows.forget(1_000);
    expect(flows.size).toBe(0);
  });
});
