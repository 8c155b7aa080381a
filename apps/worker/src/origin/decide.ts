import type { BacklogPoller } from './backlog-poller.ts';
import { type FarSlice, farSlices } from './deferral.ts';
import {
  advanceUntil,
  askAtOf,
  GRANT_TTL_MS,
  openAnswerOf,
  type Phase,
  remaining,
  sharedMoment,
} from './origin-phase.ts';
import type { WaitingSlice } from './waiting-slice.ts';

/** Starts in one exchange. */
const MAX_STARTS = 50;
/** How long results gather before they are reported. Refusals and failures are reported at once. */
const REPORT_MS = 10;
/** The same where only the rate limits the origin: the next question takes them along earlier. */
const LAZY_REPORT_MS = 1_100;
/** Starts that are asked for in advance. An origin where more wait asks once for many anyway. */
const MAX_IN_ADVANCE = 4;
/** Leases are renewed well within their life, see `LEASE_MS`. */
const RENEW_MS = 4_000;
/**
 * Where nothing is limited, a report renews the local grant: so early that its answer usually comes
 * before the grant ends, and no earlier, because every exchange costs.
 */
const RENEW_GRANT_MS = GRANT_TTL_MS - 8;
/** How long a report that is due waits for permits, so that it can go with the question. */
const REPORT_SLACK_MS = 100;
/** How far ahead starts are scheduled: asking is rare, and few permits are held. */
const HORIZON_MS = 50;
/** The same while half of all permits are free: asking less is then worth more. */
const LONG_HORIZON_MS = 100;
/** At a slow origin workers then take turns of up to a second, and the others sleep. */
const MAX_HORIZON_MS = 1_000;

/** The gate reserves starts where slots are no further apart: they are made at once. */
const MAX_RESERVED_SPACING_MS = 1;

/** All that the next step for an origin depends on. Times are as `performance.now()`. */
export interface OriginState {
  readonly phase: Phase;
  readonly slices: Iterable<WaitingSlice> & { readonly size: number };
  /** Fetches that wait and have no scheduled start. */
  readonly waiting: number;
  readonly scheduled: number;
  /** Fetches in flight and scheduled starts. */
  readonly committed: number;
  /** What the gate believes to be committed. */
  readonly leased: number;
  /** Ended fetches that the gate does not know of. */
  readonly unreported: number;
  /** When the first of them ended. */
  readonly unreportedSince: number;
  /** Starts that may be made without asking: see `ReservedStarts`. */
  readonly reserved: number;
  /** More of them should be asked for. */
  readonly isReserveLow: boolean;
  /** The origin refused or failed, which the fleet must know at once. */
  readonly isUrgent: boolean;
  /** A slice or an answer has come since it was last decided which slices to defer. */
  readonly isDeferralDue: boolean;
  readonly exchangedAt: number;
  /** Whether a permit could be had at once. */
  readonly arePermitsFree: boolean;
  /** Whether half of all permits are free, and more. */
  readonly arePermitsPlentiful: boolean;
  /** Whether the worker stops: it waits for the reports. */
  readonly isStopping: boolean;
  /** See {@link BacklogPoller.intervalMs}. */
  readonly pollEveryMs: ReturnType<BacklogPoller['intervalMs']>;
}

/**
 * - `start`: take up to `most` permits and start as many fetches under the local grant
 * - `ask`: take up to `most` permits and ask the gate for as many starts
 * - `ask-in-advance`: ask the gate for starts before there are permits for them
 * - `ask-without-permits`: ask the gate for starts in slots, each of which takes a permit then
 * - `report`: an exchange that asks for nothing
 * - `rest`: nothing is left to do, and the gate knows that nothing is in flight
 */
export type Decision =
  | { readonly do: 'start' | 'ask'; readonly most: number; readonly permitsBy: number }
  | { readonly do: 'ask-in-advance' | 'ask-without-permits'; readonly most: number }
  | { readonly do: 'report' }
  | { readonly do: 'wait'; readonly until: number }
  | { readonly do: 'defer'; readonly slices: readonly FarSlice[] }
  | { readonly do: 'rest' };

const REPORT: Decision = { do: 'report' };
const REST: Decision = { do: 'rest' };

/** The next step for an origin. Pure; the phases are described in `origin-phase.ts`. */
export function decide(state: OriginState, now: number): Decision {
  const { phase, waiting } = state;
  if (isAtRest(state)) {
    return REST;
  }
  if (phase.kind === 'unreachable' && now < phase.askAt) {
    return { do: 'wait', until: phase.askAt };
  }
  if (state.isDeferralDue) {
    const slices = farSlices(phase, state.slices, now);
    if (slices.length > 0) {
      return { do: 'defer', slices };
    }
  }
  if (state.isUrgent || (state.isReserveLow && waiting > 0)) {
    return REPORT;
  }
  const askAt = waiting > 0 ? askAtOf(phase) : Infinity;
  const reportAt = reportDueAt(state);
  if (now >= askAt) {
    const left = remaining(phase, state.committed, now) || reservedStarts(state);
    const permitsBy = reportAt + REPORT_SLACK_MS;
    if (left === Infinity && isGrantOld(state, now)) {
      return REPORT;
    }
    if (left === 0 && isAskedInAdvance(state)) {
      return { do: 'ask-in-advance', most: waiting };
    }
    if (left === 0 && isAskedWithoutPermits(state)) {
      return { do: 'ask-without-permits', most: Math.min(waiting, MAX_STARTS) };
    }
    return left > 0
      ? { do: 'start', most: Math.min(waiting, left, MAX_STARTS), permitsBy }
      : { do: 'ask', most: Math.min(waiting, MAX_STARTS), permitsBy };
  }
  return now >= reportAt ? REPORT : { do: 'wait', until: Math.min(askAt, reportAt) };
}

/**
 * Whether the gate is asked before there are permits. Where a crawl has many origins with few
 * fetches, the questions of a whole slice then go to Redis together, and no permit waits for an
 * answer. Only where no limit is known: starts that are not made would be taken from others.
 */
function isAskedInAdvance({
  phase,
  slices,
  waiting,
  committed,
  arePermitsFree,
}: OriginState): boolean {
  if (phase.kind !== 'unasked' || arePermitsFree || committed > 0 || waiting > MAX_IN_ADVANCE) {
    return false;
  }
  for (const { limits } of slices) {
    const { politeness } = limits;
    if (politeness.rate !== 'unlimited' || politeness.concurrency !== 'unlimited') {
      return false;
    }
  }
  return true;
}

function isGrantOld({ unreported, exchangedAt }: OriginState, now: number): boolean {
  return unreported > 0 && now >= exchangedAt + RENEW_GRANT_MS;
}

/** Starts that are reserved and within the limit of fetches in flight. */
function reservedStarts({ phase, reserved, committed }: OriginState): number {
  const { allowedInFlight = 0 } = openAnswerOf(phase) ?? {};
  return Math.max(0, Math.min(reserved, allowedInFlight - committed));
}

/** When the next exchange is due even if nothing is asked for; Infinity if none is. */
function reportDueAt(state: OriginState): number {
  const { exchangedAt, pollEveryMs } = state;
  if (state.unreported > 0) {
    if (isWaitedForByNobody(state)) {
      return sharedMoment(state.unreportedSince);
    }
    return exchangedAt + (mayReportLate(state) ? LAZY_REPORT_MS : REPORT_MS);
  }
  if (state.slices.size === 0 && pollEveryMs !== undefined) {
    return exchangedAt + pollEveryMs;
  }
  if (state.committed > 0) {
    return exchangedAt + RENEW_MS;
  }
  if (state.leased > 0) {
    return Math.max(exchangedAt + REPORT_MS, state.waiting > 0 ? advanceUntil(state.phase) : 0);
  }
  return Infinity;
}

/**
 * Whether starts are asked for without permits, each of which takes one in its slot. Only while
 * half of all permits are free, because a start that finds none is not made; and only where slots
 * are so far apart that most of them are still to come when the answer does.
 */
function isAskedWithoutPermits({ phase, arePermitsPlentiful }: OriginState): boolean {
  const spacingMs = openAnswerOf(phase)?.spacingMs ?? 0;
  return arePermitsPlentiful && spacingMs > MAX_RESERVED_SPACING_MS;
}

/**
 * How far ahead of now starts may be scheduled, in ms.
 *
 * @param sparable permits that can be held while half of all stay free
 */
export function horizonMs(phase: Phase, sparable: number): number {
  if (sparable === 0) {
    return HORIZON_MS;
  }
  const spacingMs = openAnswerOf(phase)?.spacingMs ?? 0;
  return Math.min(MAX_HORIZON_MS, Math.max(LONG_HORIZON_MS, sparable * spacingMs));
}

/** Nothing is limited at the origin, and nothing waits here. */
function isWaitedForByNobody({ phase, slices, isStopping }: OriginState): boolean {
  const answer = openAnswerOf(phase);
  const isFree =
    answer !== undefined && answer.spacingMs === 0 && answer.allowedInFlight === Infinity;
  return isFree && answer.deferred === 0 && slices.size === 0 && !isStopping;
}

/** If only the rate limits us and enough permits are free, a late report delays nobody. */
function mayReportLate({ phase, slices, scheduled, unreported }: OriginState): boolean {
  const answer = openAnswerOf(phase);
  if (answer === undefined || answer.spacingMs === 0 || slices.size === 0) {
    return false;
  }
  // The gate has leased a scheduled start already.
  return scheduled > 0 || unreported * answer.waiters * 2 <= answer.spare;
}

function isAtRest(state: OriginState): boolean {
  const isIdle = state.slices.size === 0 && state.committed === 0 && state.unreported === 0;
  return isIdle && state.leased === 0 && state.pollEveryMs === undefined;
}
