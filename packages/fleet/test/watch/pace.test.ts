import { describe, expect, it } from '@jest/globals';
import { Pace, remainingMs } from '@fetchfleet/fleet';

describe('Pace', () => {
  it('measures over the last 3 and 30 seconds', () => {
    const pace = new Pace();
    for (let second = 0; second <= 40; second += 1) {
      pace.add(second * 1_000, second * 100);
    }
    expect(pace.perSecond).toBeCloseTo(100);
    expect(pace.isSteady).toBe(true);
    for (let second = 41; second <= 50; second += 1) {
      pace.add(second * 1_000, 4_000);
    }
    expect(pace.perSecond).toBe(0);
    expect(pace.steadyPerSecond).toBeCloseTo(2_000 / 30, 0);
    expect(pace.history.slice(-2)).toEqual([0, 0]);
  });

  it('is 0 after one sample and has no history', () => {
    const pace = new Pace();
    pace.add(0, 5);
    expect(pace.isSteady).toBe(false);
    expect(pace.perSecond).toBe(0);
    expect(pace.history).toEqual([]);
  });

  it('is never negative, even if a retry lowers the count', () => {
    const pace = new Pace();
    pace.add(0, 500);
    pace.add(1_000, 400);
    expect([pace.perSecond, pace.steadyPerSecond, ...pace.history]).toEqual([0, 0, 0]);
  });
});

describe('remainingMs', () => {
  it('is undefined if nothing moves', () => {
    expect(remainingMs(10, 0)).toBeUndefined();
    expect(remainingMs(10, 4)).toBe(2_500);
  });
});
