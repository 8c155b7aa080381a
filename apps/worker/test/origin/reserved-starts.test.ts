import { describe, expect, it } from '@jest/globals';
import { ReservedStarts } from '../../src/origin/reserved-starts.ts';
import { answerOf } from './origin-fixture.ts';

const LEAD_MS = 2;

/** Reserved at 100 by the local clock, with slots from 100 on. Redis' clock is 5 s ahead. */
function reservedAt100(answer: Parameters<typeof answerOf>[0] = {}) {
  const starts = new ReservedStarts({ toLocal: (redisMs) => redisMs - 5_000 });
  const asked = { nowMs: 5_098, firstInMs: 2, spacingMs: 1, reserved: 4, ...answer };
  starts.add(answerOf(asked), LEAD_MS, 100);
  return starts;
}

describe('reserved starts', () => {
  it('are made from their slot on, one in each', () => {
    const starts = reservedAt100();
    expect([starts.takeNow(99), starts.takeNow(100), starts.takeNow(100)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(starts.left(100)).toBe(3);
    expect([starts.take(100), starts.take(100), starts.take(100), starts.take(100)]).toEqual([
      101,
      102,
      103,
      undefined,
    ]);
  });

  it('come after those that were granted for permits in hand', () => {
    expect(reservedAt100({ granted: 3 }).take(100)).toBe(103);
  });

  it.each([
    { now: 110, left: 4 },
    { now: 110.5, left: 3 },
    { now: 112.5, left: 1 },
    { now: 114, left: 0 },
  ])('lapse 10 ms after their slots: $left are left at $now', ({ now, left }) => {
    const starts = reservedAt100();
    expect(starts.left(now)).toBe(left);
    expect(starts.takeNow(now)).toBe(left > 0);
  });

  it('of a burst, whose slots have passed, count from when the answer was expected', () => {
    const starts = reservedAt100({ firstInMs: -500 });
    expect(starts.left(110)).toBe(4);
    expect([starts.takeNow(100), starts.takeNow(100)]).toEqual([true, true]);
    expect(starts.left(111)).toBe(0);
  });

  it('are followed by those of later answers', () => {
    const starts = reservedAt100({ reserved: 1 });
    starts.add(answerOf({ nowMs: 5_100, firstInMs: 5, spacingMs: 1, reserved: 1 }), LEAD_MS, 101);
    expect([starts.take(101), starts.take(101), starts.take(101)]).toEqual([100, 105, undefined]);
  });

  it('are asked for by what was started since the last answer, before they run out', () => {
    const starts = reservedAt100({ granted: 6, reserved: 30, spacingMs: 0.1 });
    expect(starts.isLow(101)).toBe(false);
    for (let i = 0; i < 21; i += 1) {
      starts.take(101);
    }
    expect(starts.isLow(105)).toBe(true);
    // 27 starts in 5 ms, for 10 ms.
    expect(starts.wanted(105)).toBe(54);
    expect(starts.wanted(100.5)).toBe(250);
  });

  it('are asked for before the last of them lapses', () => {
    const starts = reservedAt100({ reserved: 30, spacingMs: 0.1 });
    // The last slot is at 102.9.
    expect([starts.isLow(106.5), starts.left(106.5)]).toEqual([false, 30]);
    expect([starts.isLow(107.5), starts.left(107.5)]).toEqual([true, 30]);
  });

  it('are none where nothing was started, or all were given up', () => {
    const starts = reservedAt100();
    expect(starts.wanted(120)).toBe(0);
    starts.clear();
    expect([starts.left(100), starts.isLow(100), starts.takeNow(100)]).toEqual([0, false, false]);
  });
});
