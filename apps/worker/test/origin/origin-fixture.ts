import type { GateAnswer } from '@fetchfleet/fleet';
import type { OriginState } from '../../src/origin/decide.ts';
import { UNASKED } from '../../src/origin/origin-phase.ts';
import type { StartGrant, WaitingSlice } from '../../src/origin/waiting-slice.ts';

/** An answer of the gate that grants nothing and names no limit. */
export function answerOf(answer: Partial<GateAnswer> = {}): GateAnswer {
  return {
    granted: 0,
    reserved: 0,
    firstInMs: 0,
    spacingMs: 0,
    againInMs: 0,
    state: 'open',
    waiters: 1,
    paceMs: 0,
    hasChanged: false,
    wakeSlices: [],
    overdueSlices: [],
    silentBatches: [],
    nowMs: 0,
    allowedInFlight: Infinity,
    spare: Infinity,
    deferred: 0,
    isShared: false,
    isAlone: false,
    early: [],
    deniedForMs: 0,
    ...answer,
  };
}

export type FakeSlice = WaitingSlice & {
  waiting: number;
  /** The grants of its starts, in their order. */
  readonly grants: StartGrant[];
};

/** A slice whose fetches never end by themselves. */
export function sliceOf({
  id = 'b.0',
  batch = 'b',
  waiting = 0,
  ticket = 0,
  patienceMs = Infinity,
  concurrency = 'unlimited',
  isSlice = true,
  comesFirst = false,
  hasPages = false,
  isUnderWay = false,
}: {
  readonly id?: string;
  readonly batch?: string;
  readonly waiting?: number;
  readonly ticket?: number;
  readonly patienceMs?: number;
  /** Of its batch. */
  readonly concurrency?: number | 'unlimited';
  readonly isSlice?: boolean;
  readonly comesFirst?: boolean;
  readonly hasPages?: boolean;
  readonly isUnderWay?: boolean;
} = {}): FakeSlice {
  const politeness = {
    rate: 'unlimited',
    burst: 1,
    concurrency,
    robots: 'ignore',
    patienceMs: 60_000,
  } as const;
  const grants: StartGrant[] = [];
  return {
    id,
    isSlice,
    comesFirst,
    hasPages,
    isUnderWay,
    limits: { batch, politeness },
    waiting,
    ticket,
    grants,
    hasPatienceFor: (deniedForMs) => deniedForMs <= patienceMs,
    start(grant) {
      this.waiting -= 1;
      grants.push(grant);
    },
  };
}

/** The state of an origin that this worker has nothing to do with. */
export function stateOf(state: Partial<OriginState> = {}): OriginState {
  return {
    phase: UNASKED,
    slices: new Set<WaitingSlice>(),
    waiting: 0,
    scheduled: 0,
    committed: 0,
    leased: 0,
    unreported: 0,
    unreportedSince: 0,
    reserved: 0,
    isReserveLow: false,
    isUrgent: false,
    isDeferralDue: false,
    exchangedAt: 0,
    arePermitsFree: true,
    arePermitsPlentiful: false,
    isStopping: false,
    pollEveryMs: undefined,
    ...state,
  };
}
