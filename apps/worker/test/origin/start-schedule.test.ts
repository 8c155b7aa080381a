import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { maxLateMs, sendWithinMs, StartSchedule } from '../../src/origin/start-schedule.ts';
import { answerOf } from './origin-fixture.ts';

/** Redis' clock is this far ahead of the local one. */
const AHEAD_MS = 5_000;

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** A schedule whose clock starts at 0. Its timers run when the clock is advanced. */
function scheduleAt() {
  let now = 0;
  const startTimes: number[] = [];
  let givenUp = 0;
  const permits: boolean[] = [];
  const schedule = new StartSchedule({
    clock: { toLocal: (redisMs) => redisMs - AHEAD_MS },
    now: () => now,
    start: (_lateMs, hasPermit) => {
      startTimes.push(now);
      permits.push(hasPermit);
    },
    giveUp: (hasPermit) => {
      givenUp += 1;
      permits.push(hasPermit);
    },
  });
  return {
    schedule,
    startTimes: () => startTimes,
    givenUp: () => givenUp,
    /** Whether each start that was made or given up holds one. */
    permits: () => permits,
    /** One timer at a time, so that the clock shows when it was due. */
    advance: (ms: number) => {
      for (let i = 0; i < ms; i++) {
        now += 1;
        jest.advanceTimersByTime(1);
      }
    },
    /** The process does not run for a while. */
    stall: (ms: number) => {
      now += ms;
    },
  };
}

describe('granted starts', () => {
  it.each([
    { what: 'no rate', answer: { granted: 3 }, leadMs: 4, at: [0, 0, 0] },
    {
      what: 'a rate',
      answer: { granted: 3, firstInMs: 10, spacingMs: 20 },
      leadMs: 4,
      at: [10, 30, 50],
    },
    {
      what: 'a burst, whose slots are over',
      answer: { granted: 3, firstInMs: -40, spacingMs: 20 },
      leadMs: 0,
      at: [0, 0, 0],
    },
    {
      what: 'a burst, whose last slot is to come',
      answer: { granted: 3, firstInMs: -20, spacingMs: 20 },
      leadMs: 0,
      at: [0, 0, 20],
    },
    {
      what: 'a burst, and the answer came earlier than expected',
      answer: { granted: 2, firstInMs: -20, spacingMs: 20 },
      leadMs: 3,
      at: [3, 3],
    },
  ])('of $what are made at $at', ({ answer, leadMs, at }) => {
    const { schedule, startTimes, givenUp, advance } = scheduleAt();
    schedule.add(answerOf({ ...answer, nowMs: AHEAD_MS }), { leadMs, hasPermits: true });
    expect(schedule.size).toBe(at.filter((ms) => ms > 0).length);
    advance(100);
    expect(startTimes()).toEqual(at);
    expect([schedule.size, givenUp()]).toEqual([0, 0]);
  });

  it.each([
    { spacingMs: 2, lateMs: 10 },
    { spacingMs: 10.2, lateMs: 10 },
    { spacingMs: 20, lateMs: 15 },
    { spacingMs: 51, lateMs: 30 },
    { spacingMs: 1_020, lateMs: 250 },
    { spacingMs: 30_600, lateMs: 250 },
  ])('that are $spacingMs ms apart are made up to $lateMs ms late', ({ spacingMs, lateMs }) => {
    for (const tooLateMs of [0, 1]) {
      const { schedule, startTimes, givenUp, advance, stall } = scheduleAt();
      schedule.add(answerOf({ granted: 1, firstInMs: 5, spacingMs, nowMs: AHEAD_MS }), {
        leadMs: 0,
        hasPermits: true,
      });
      stall(lateMs + tooLateMs);
      advance(5);
      expect([startTimes().length, givenUp()]).toEqual([1 - tooLateMs, tooLateMs]);
    }
  });

  it('whose answer comes too late are given up at once', () => {
    const { schedule, startTimes, givenUp, advance, stall } = scheduleAt();
    stall(30);
    schedule.add(answerOf({ granted: 3, firstInMs: 0, spacingMs: 20, nowMs: AHEAD_MS }), {
      leadMs: 5,
      hasPermits: true,
    });
    advance(20);
    expect(startTimes()).toEqual([30, 40]);
    expect(givenUp()).toBe(1);
  });

  it('are all given up when the schedule is cleared', () => {
    const { schedule, startTimes, givenUp, advance } = scheduleAt();
    schedule.add(answerOf({ granted: 4, firstInMs: 0, spacingMs: 20, nowMs: AHEAD_MS }), {
      leadMs: 0,
      hasPermits: true,
    });
    advance(25);
    schedule.clear();
    expect([schedule.size, givenUp()]).toEqual([0, 2]);
    advance(100);
    expect(startTimes()).toEqual([0, 20]);
  });
});

describe('a start', () => {
  it.each([true, false])('is known to hold a permit: %s', (hasPermits) => {
    const { schedule, permits, advance, stall } = scheduleAt();
    const answer = answerOf({ granted: 4, firstInMs: 0, spacingMs: 20, nowMs: AHEAD_MS });
    schedule.add(answer, { leadMs: 0, hasPermits });
    advance(20);
    stall(15);
    advance(10);
    schedule.clear();
    expect(permits()).toEqual(Array(4).fill(hasPermits));
  });
});

describe('the time within which a request may be sent', () => {
  it.each([0.05, 0.3, 0.9, 1, 1.5, 1.99, 2, 7, 10, 29.99, 30, 50, 99.5, 100, 200])(
    'lets no second see more than limit and burst at %d/s, whichever slots are late',
    (perSecond) => {
      // As the gate answers: 2 % wider, in whole microseconds.
      const spacingMs = Math.floor(1_020_000 / perSecond) / 1_000;
      const lateMs = maxLateMs(spacingMs);
      const sentMs = sendWithinMs(spacingMs, lateMs);
      expect(sendWithinMs(spacingMs)).toBe(sentMs);
      expect(sentMs).toBeGreaterThanOrEqual(0);
      // Ten ms for clocks. A window is open at one end.
      const slots = (1_000 + lateMs + sentMs + 10) / (1_020 / perSecond);
      const burst = 3;
      const mostSent = Math.ceil(slots - 0.01) - 1 + burst;
      expect(mostSent).toBeLessThanOrEqual(perSecond + burst);
    },
  );

  it.each([
    [0, 10, Infinity],
    [1_020, 10, 1_020],
    [34, 10, 34],
    [34, 0, 44],
    [1.02, 10, 1.02],
    [1.02, 2.5, 8.52],
  ])('with slots %d ms apart and a start %d ms late is %d ms', (spacingMs, startLateMs, ms) => {
    expect(sendWithinMs(spacingMs, startLateMs)).toBeCloseTo(ms, 5);
  });
});
