import type { GateAnswer } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import { decide, type Decision, horizonMs, type OriginState } from '../../src/origin/decide.ts';
import { type Phase, phaseAfter, phaseAfterError, UNASKED } from '../../src/origin/origin-phase.ts';
import { answerOf, sliceOf, stateOf } from './origin-fixture.ts';

const ASKED_AT = 1_000;

/** The phase after the gate has answered a question at 1,000 ms. */
function phaseOf(answer: Partial<GateAnswer>): Phase {
  return phaseAfter(UNASKED, answerOf(answer), { wanted: 10, now: ASKED_AT });
}

const FREE = phaseOf({ granted: 10 });
const BOUNDED = phaseOf({ state: 'concurrency', allowedInFlight: 4, againInMs: 50 });
const PACED = phaseOf({ state: 'rate', spacingMs: 100, againInMs: 400, spare: 20 });
const BLOCKED = phaseOf({ state: 'blocked', againInMs: 3_000 });
const AWAY = phaseAfterError(ASKED_AT);

/** One slice with ten fetches that wait; the last exchange was at 1,000 ms. */
function waiting(state: Partial<OriginState>): OriginState {
  return stateOf({
    slices: new Set([sliceOf({ waiting: 10 })]),
    waiting: 10,
    exchangedAt: ASKED_AT,
    ...state,
  });
}

/** The phase after the gate was asked for starts without permits. */
function phaseInAdvance(answer: Partial<GateAnswer>): Phase {
  return phaseAfter(UNASKED, answerOf(answer), { wanted: 2, isInAdvance: true, now: ASKED_AT });
}

const IN_ADVANCE = phaseInAdvance({ granted: 2 });
const NOT_IN_ADVANCE = phaseInAdvance({ allowedInFlight: 4 });
/** All permits are those of other origins. */
const FEW = { waiting: 2, arePermitsFree: false } as const;
/** The last fetch here has ended. */
const ENDED = stateOf({
  phase: FREE,
  leased: 1,
  unreported: 1,
  unreportedSince: ASKED_AT + 13,
  exchangedAt: ASKED_AT,
});

interface Row {
  readonly when: string;
  readonly state: OriginState;
  /** Since the last exchange. */
  readonly afterMs: number;
  readonly decision: Decision;
}

const ROWS: readonly Row[] = [
  {
    when: 'nothing waits, runs or is leased',
    state: stateOf(),
    afterMs: 0,
    decision: { do: 'rest' },
  },
  {
    when: 'the gate was never asked',
    state: waiting({ phase: UNASKED }),
    afterMs: 0,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'more waits than one exchange asks for',
    state: waiting({ phase: UNASKED, waiting: 400 }),
    afterMs: 0,
    decision: { do: 'ask', most: 50, permitsBy: Infinity },
  },
  {
    when: 'the local grant lasts',
    state: waiting({ phase: FREE, committed: 10 }),
    afterMs: 19,
    decision: { do: 'start', most: 10, permitsBy: 5_100 },
  },
  {
    when: 'the local grant has expired',
    state: waiting({ phase: FREE, committed: 10 }),
    afterMs: 20,
    decision: { do: 'ask', most: 10, permitsBy: 5_100 },
  },
  {
    when: 'the local grant is old and fetches end under it',
    state: waiting({ phase: FREE, committed: 10, unreported: 1 }),
    afterMs: 12,
    decision: { do: 'report' },
  },
  {
    when: 'the local grant is not old, even if a report is due',
    state: waiting({ phase: FREE, committed: 10, unreported: 1 }),
    afterMs: 11,
    decision: { do: 'start', most: 10, permitsBy: 1_110 },
  },
  {
    when: 'the local grant is old and has bounds, which a report does not renew',
    state: waiting({
      phase: phaseOf({ granted: 10, allowedInFlight: 20 }),
      committed: 10,
      unreported: 1,
    }),
    afterMs: 12,
    decision: { do: 'start', most: 10, permitsBy: 1_110 },
  },
  {
    when: 'the concurrency is used up',
    state: waiting({ phase: BOUNDED, committed: 4 }),
    afterMs: 10,
    decision: { do: 'wait', until: 1_050 },
  },
  {
    when: 'the concurrency was used up and it is time to ask',
    state: waiting({ phase: BOUNDED, committed: 4 }),
    afterMs: 50,
    decision: { do: 'ask', most: 10, permitsBy: 5_100 },
  },
  {
    when: 'the rate is used up',
    state: waiting({ phase: PACED, committed: 2, scheduled: 2 }),
    afterMs: 0,
    decision: { do: 'wait', until: 1_400 },
  },
  {
    when: 'the rate was used up and it is time to ask',
    state: waiting({ phase: PACED }),
    afterMs: 400,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'the origin is blocked',
    state: waiting({ phase: BLOCKED }),
    afterMs: 2_999,
    decision: { do: 'wait', until: 4_000 },
  },
  {
    when: 'the block is over',
    state: waiting({ phase: BLOCKED }),
    afterMs: 3_000,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'Redis was away, even if a refusal is to be reported',
    state: waiting({ phase: AWAY, unreported: 1, isUrgent: true }),
    afterMs: 499,
    decision: { do: 'wait', until: 1_500 },
  },
  {
    when: 'Redis was away for long enough',
    state: waiting({ phase: AWAY }),
    afterMs: 500,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'the origin has refused, before anything else',
    state: waiting({ phase: FREE, committed: 3, unreported: 1, isUrgent: true }),
    afterMs: 0,
    decision: { do: 'report' },
  },
  {
    when: 'results gather',
    state: stateOf({ phase: BOUNDED, committed: 3, unreported: 2, exchangedAt: ASKED_AT }),
    afterMs: 9,
    decision: { do: 'wait', until: 1_010 },
  },
  {
    when: 'results have gathered for 10 ms',
    state: stateOf({ phase: BOUNDED, committed: 3, unreported: 2, exchangedAt: ASKED_AT }),
    afterMs: 10,
    decision: { do: 'report' },
  },
  {
    when: 'nobody waits for the report of an origin without limits',
    state: ENDED,
    afterMs: 14,
    decision: { do: 'wait', until: 1_050 },
  },
  {
    when: 'the moment has come at which all such origins report',
    state: ENDED,
    afterMs: 50,
    decision: { do: 'report' },
  },
  {
    when: 'nobody waits for the report but the worker, which stops',
    state: { ...ENDED, isStopping: true },
    afterMs: 14,
    decision: { do: 'report' },
  },
  {
    when: 'slices of the origin are deferred elsewhere',
    state: { ...ENDED, phase: phaseOf({ granted: 1, deferred: 3 }) },
    afterMs: 14,
    decision: { do: 'report' },
  },
  {
    when: 'the permits are those of other origins, and no limit is known',
    state: waiting({ ...FEW, phase: UNASKED }),
    afterMs: 0,
    decision: { do: 'ask-in-advance', most: 2 },
  },
  {
    when: 'the permits are those of other origins, and many fetches wait',
    state: waiting({ phase: UNASKED, arePermitsFree: false }),
    afterMs: 0,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'the permits are those of other origins, and the batch has a limit',
    state: waiting({
      ...FEW,
      phase: UNASKED,
      slices: new Set([sliceOf({ waiting: 2, concurrency: 5 })]),
    }),
    afterMs: 0,
    decision: { do: 'ask', most: 2, permitsBy: Infinity },
  },
  {
    when: 'starts have slots, and permits are plentiful',
    state: waiting({ phase: PACED, arePermitsPlentiful: true }),
    afterMs: 400,
    decision: { do: 'ask-without-permits', most: 10 },
  },
  {
    when: 'slots are so near that they are reserved, and permits are plentiful',
    state: waiting({ phase: phaseOf({ spacingMs: 1 }), arePermitsPlentiful: true }),
    afterMs: 20,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'nothing has a slot, and permits are plentiful',
    state: waiting({ phase: UNASKED, arePermitsPlentiful: true }),
    afterMs: 0,
    decision: { do: 'ask', most: 10, permitsBy: Infinity },
  },
  {
    when: 'the gate has granted starts in advance',
    state: waiting({ ...FEW, phase: IN_ADVANCE, leased: 2 }),
    afterMs: 999,
    decision: { do: 'start', most: 2, permitsBy: 2_100 },
  },
  {
    when: 'starts that were granted in advance have not been made',
    state: waiting({ ...FEW, phase: IN_ADVANCE, leased: 2 }),
    afterMs: 1_000,
    decision: { do: 'ask', most: 2, permitsBy: 2_100 },
  },
  {
    when: 'nobody is left to make the starts that were granted in advance',
    state: stateOf({ phase: IN_ADVANCE, leased: 2, exchangedAt: ASKED_AT }),
    afterMs: 10,
    decision: { do: 'report' },
  },
  {
    when: 'nothing was granted in advance',
    state: waiting({ ...FEW, phase: NOT_IN_ADVANCE }),
    afterMs: 0,
    decision: { do: 'ask', most: 2, permitsBy: Infinity },
  },
  {
    when: 'results gather and the next question takes them along',
    state: waiting({ phase: PACED, committed: 3, unreported: 10 }),
    afterMs: 10,
    decision: { do: 'wait', until: 1_400 },
  },
  {
    when: 'results gather and others may need their permits',
    state: waiting({ phase: PACED, committed: 3, unreported: 11 }),
    afterMs: 10,
    decision: { do: 'report' },
  },
  {
    when: 'results gather, others may need their permits, but starts are scheduled',
    state: waiting({ phase: PACED, committed: 3, scheduled: 1, unreported: 11 }),
    afterMs: 10,
    decision: { do: 'wait', until: 1_400 },
  },
  {
    when: 'fetches run for longer than their lease is renewed',
    state: stateOf({ phase: FREE, committed: 3, leased: 3, exchangedAt: ASKED_AT }),
    afterMs: 4_000,
    decision: { do: 'report' },
  },
  {
    when: 'fetches were aborted, and the gate does not know',
    state: stateOf({ phase: FREE, leased: 3, exchangedAt: ASKED_AT }),
    afterMs: 0,
    decision: { do: 'wait', until: 1_010 },
  },
  {
    when: 'slices are deferred elsewhere and nothing waits here',
    state: stateOf({ phase: FREE, pollEveryMs: 200, exchangedAt: ASKED_AT }),
    afterMs: 199,
    decision: { do: 'wait', until: 1_200 },
  },
  {
    when: 'it is time to poll for deferred slices',
    state: stateOf({ phase: FREE, pollEveryMs: 200, exchangedAt: ASKED_AT }),
    afterMs: 200,
    decision: { do: 'report' },
  },
];

describe('the next step of an origin', () => {
  it.each(ROWS)('when $when is "$decision.do"', ({ state, afterMs, decision }) => {
    expect(decide(state, ASKED_AT + afterMs)).toEqual(decision);
  });

  it('defers a slice whose turn is too far away, once after a slice or an answer has come', () => {
    const phase = phaseOf({ state: 'rate', againInMs: 500, paceMs: 1_000, deniedForMs: 0 });
    const [near, far] = [sliceOf({ id: 'b.0', waiting: 4 }), sliceOf({ id: 'b.1', waiting: 4 })];
    const state = waiting({ phase, slices: new Set([near, far]), isDeferralDue: true });
    expect(decide(state, ASKED_AT)).toEqual({
      do: 'defer',
      slices: [{ slice: far, waitMs: 4_500, stepMs: 1_000, state: 'rate', deniedForMs: 0 }],
    });
    expect(decide({ ...state, isDeferralDue: false }, ASKED_AT).do).toBe('wait');
  });
});

describe('the horizon of scheduled starts', () => {
  it.each([
    { phase: PACED, sparable: 0, ms: 50 },
    { phase: UNASKED, sparable: 5, ms: 100 },
    { phase: BLOCKED, sparable: 5, ms: 100 },
    { phase: PACED, sparable: 5, ms: 500 },
    { phase: PACED, sparable: 50, ms: 1_000 },
  ])(
    'is $ms ms in phase "$phase.kind" with $sparable permits to spare',
    ({ phase, sparable, ms }) => {
      expect(horizonMs(phase, sparable)).toBe(ms);
    },
  );
});
