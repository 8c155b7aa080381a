import type { GateAnswer } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import {
  askAtOf,
  type Phase,
  phaseAfter,
  phaseAfterArrival,
  phaseAfterDeferral,
  phaseAfterError,
  remaining,
  UNASKED,
} from '../../src/origin/origin-phase.ts';
import { answerOf } from './origin-fixture.ts';

const NOW = 1_000;

function after(phase: Phase, answer: Partial<GateAnswer>, wanted = 10): Phase {
  return phaseAfter(phase, answerOf(answer), { wanted, now: NOW });
}

const OPEN = after(UNASKED, { granted: 10 });
const LIMITED = after(UNASKED, { state: 'rate', spacingMs: 100, againInMs: 400 });
const CLOSED = after(UNASKED, { state: 'blocked', againInMs: 3_000 });
const UNREACHABLE = phaseAfterError(NOW);

describe('the phase of an origin', () => {
  it.each([
    { from: UNASKED, answer: { granted: 10 }, kind: 'open', askAt: 0 },
    { from: UNASKED, answer: { state: 'rate', againInMs: 40 }, kind: 'limited', askAt: 1_040 },
    { from: OPEN, answer: { state: 'concurrency', againInMs: 0 }, kind: 'limited', askAt: 1_001 },
    { from: OPEN, answer: { state: 'rate', againInMs: 9_000 }, kind: 'limited', askAt: 2_000 },
    { from: OPEN, answer: { state: 'blocked', againInMs: 9_000 }, kind: 'closed', askAt: 10_000 },
    { from: OPEN, answer: { state: 'breaker', againInMs: 500 }, kind: 'closed', askAt: 1_500 },
    { from: CLOSED, answer: { state: 'probing', againInMs: 500 }, kind: 'limited', askAt: 1_500 },
    { from: CLOSED, answer: { granted: 10 }, kind: 'open', askAt: 0 },
    { from: LIMITED, answer: { granted: 10 }, kind: 'open', askAt: 0 },
    { from: UNREACHABLE, answer: { granted: 10 }, kind: 'open', askAt: 0 },
  ] as const)(
    'goes from $from.kind to $kind when a question is answered with $answer',
    ({ from, answer, kind, askAt }) => {
      const phase = after(from, answer);
      expect([phase.kind, askAtOf(phase)]).toEqual([kind, askAt]);
    },
  );

  it.each([
    { from: UNASKED, state: 'open', kind: 'open', askAt: 0 },
    { from: OPEN, state: 'open', kind: 'open', askAt: 0 },
    { from: LIMITED, state: 'open', kind: 'limited', askAt: 1_400 },
    { from: LIMITED, state: 'blocked', kind: 'closed', askAt: 1_200 },
    { from: CLOSED, state: 'breaker', kind: 'closed', askAt: 1_200 },
    { from: CLOSED, state: 'open', kind: 'open', askAt: 0 },
    { from: UNREACHABLE, state: 'open', kind: 'open', askAt: 0 },
  ] as const)(
    'goes from $from.kind to $kind when a mere report is answered with "$state"',
    ({ from, state, kind, askAt }) => {
      const phase = after(from, { state, againInMs: 200 }, 0);
      expect([phase.kind, askAtOf(phase)]).toEqual([kind, askAt]);
    },
  );

  it.each([UNASKED, OPEN, LIMITED])(
    'is limited when slices have come too early, also after $kind and a mere report',
    (from) => {
      const phase = after(from, { state: 'rate', againInMs: 5, early: ['b.0'] }, 0);
      expect([phase.kind, askAtOf(phase)]).toEqual(['limited', 1_005]);
      expect(phase).toMatchObject({ answer: { early: ['b.0'] } });
      const deferred = phaseAfterDeferral(phase);
      expect([deferred.kind, askAtOf(deferred)]).toEqual(['limited', 1_005]);
      expect(deferred).toMatchObject({ answer: { state: 'rate', early: [] } });
    },
  );

  it.each([
    { state: 'rate', horizonMs: 200, againInMs: 410, askAt: 1_450 },
    { state: 'rate', horizonMs: 1_000, againInMs: 450, askAt: 1_450 },
    { state: 'rate', horizonMs: 199, againInMs: 410, askAt: 1_410 },
    { state: 'concurrency', horizonMs: 1_000, againInMs: 410, askAt: 1_410 },
  ] as const)(
    'asks at $askAt after a horizon of $horizonMs ms where "$state" limits for $againInMs ms',
    ({ state, horizonMs, againInMs, askAt }) => {
      const answer = answerOf({ state, againInMs });
      const phase = phaseAfter(OPEN, answer, { wanted: 10, horizonMs, now: NOW });
      expect(askAtOf(phase)).toBe(askAt);
    },
  );

  it.each([
    { state: 'rate', isAlone: true, againInMs: 5_000, askAt: 6_000 },
    { state: 'rate', isAlone: true, againInMs: 90_000, askAt: 11_000 },
    { state: 'rate', isAlone: false, againInMs: 90_000, askAt: 2_000 },
    { state: 'concurrency', isAlone: true, againInMs: 90_000, askAt: 2_000 },
  ] as const)(
    'asks at $askAt if its turn is in $againInMs ms by "$state" and it is alone: $isAlone',
    ({ askAt, ...answer }) => {
      const phase = after(OPEN, answer);
      expect(askAtOf(phase)).toBe(askAt);
      expect(askAtOf(phaseAfterArrival(phase, NOW + 500))).toBe(Math.min(askAt, 2_500));
    },
  );

  it('asks within a second when a mere report says that it is alone no more', () => {
    const alone = after(OPEN, { state: 'rate', isAlone: true, againInMs: 9_000 });
    const [still, others] = [true, false].map((isAlone) => after(alone, { isAlone }, 0));
    expect([still, others].map((phase = UNASKED) => askAtOf(phase))).toEqual([10_000, 2_000]);
  });

  it('keeps the limit that was named when a mere report follows', () => {
    const phase = after(LIMITED, { waiters: 3 }, 0);
    expect(phase).toMatchObject({ kind: 'limited', answer: { state: 'rate', waiters: 3 } });
  });
});

describe('the local grant', () => {
  it.each([
    { what: 'an unlimited origin', answer: {}, wanted: 1, left: Infinity },
    { what: 'an unlimited origin, report', answer: {}, wanted: 0, left: Infinity },
    { what: 'a bounded concurrency', answer: { allowedInFlight: 8 }, wanted: 1, left: 5 },
    { what: 'a bounded concurrency, report', answer: { allowedInFlight: 8 }, wanted: 0, left: 0 },
    { what: 'a used up concurrency', answer: { allowedInFlight: 2 }, wanted: 1, left: 0 },
    { what: 'a rate', answer: { spacingMs: 1 }, wanted: 1, left: 0 },
    { what: 'a probe', answer: { state: 'probing' }, wanted: 1, left: 0 },
    { what: 'a block', answer: { state: 'blocked' }, wanted: 1, left: 0 },
  ] as const)('leaves $left starts beside three fetches: $what', ({ answer, wanted, left }) => {
    const phase = after(UNASKED, answer, wanted);
    expect(remaining(phase, 3, NOW + 19)).toBe(left);
    expect(remaining(phase, 3, NOW + 20)).toBe(0);
  });
});
