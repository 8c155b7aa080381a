import { describe, expect, it } from '@jest/globals';
import { RedisClock } from '../../src/origin/redis-clock.ts';

/** One answer: Redis' clock is 1,000,000 ms ahead of the local one, and the way takes a while. */
function answered(clock: RedisClock, sentAt: number, thereMs: number, backMs: number): void {
  clock.learn(1_000_000 + sentAt + thereMs, {
    askedAt: sentAt,
    answeredAt: sentAt + thereMs + backMs,
  });
}

describe("Redis' clock", () => {
  it.each([
    { answers: [[0, 1, 1]], errorMs: 1 },
    { answers: [[0, 9, 0]], errorMs: 0 },
    {
      answers: [
        [0, 1, 8],
        [10, 1, 2],
      ],
      errorMs: 2,
    },
    {
      answers: [
        [0, 1, 2],
        [10, 1, 8],
      ],
      errorMs: 2.003_2,
    },
    {
      answers: [
        [0, 1, 2],
        [100_000, 1, 8],
      ],
      errorMs: 8,
    },
  ])('is read $errorMs ms late after $answers', ({ answers, errorMs }) => {
    const clock = new RedisClock();
    for (const [sentAt = 0, thereMs = 0, backMs = 0] of answers) {
      answered(clock, sentAt, thereMs, backMs);
    }
    expect(clock.toLocal(1_000_000)).toBeCloseTo(errorMs, 3);
  });

  it.each([
    { what: 'behind', byMs: -3_600_000, errorMs: -1 },
    { what: 'ahead', byMs: 3_600_000, errorMs: 2 },
    { what: 'behind by less than the way', byMs: -1, errorMs: 0.002 },
  ])('is followed at once where it is $what suddenly', ({ byMs, errorMs }) => {
    const clock = new RedisClock();
    answered(clock, 0, 1, 1);
    clock.learn(1_000_000 + 10 + 1 + byMs, { askedAt: 10, answeredAt: 13 });
    expect(clock.toLocal(1_000_000 + byMs)).toBeCloseTo(errorMs, 3);
  });

  it('has never been read before the first answer', () => {
    expect(new RedisClock().toLocal(5)).toBe(Infinity);
  });

  it.each([
    { what: 'before the first answer', roundTripMs: 1, answers: 0, leadMs: 0 },
    { what: 'after one slow answer', roundTripMs: 61, answers: 1, leadMs: 5.5 },
    { what: 'after many', roundTripMs: 11, answers: 200, leadMs: 11.5 },
    { what: 'at most', roundTripMs: 10_000, answers: 200, leadMs: 500 },
  ])('expects an answer after $leadMs ms: $what', ({ roundTripMs, answers, leadMs }) => {
    const clock = new RedisClock();
    for (let i = 0; i < answers; i++) {
      answered(clock, i * 20_000, roundTripMs / 2, roundTripMs / 2);
    }
    expect(clock.leadMs).toBeCloseTo(leadMs, 3);
  });
});
