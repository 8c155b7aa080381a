/*
 * What the gate said last about an origin, as far as it decides what this worker does next.
 *
 *   unasked      Entered at the beginning, and from every phase when the fleet announces that the
 *                limits or blocks of the origin have changed.
 *                Asks the gate as soon as a fetch waits and a permit is free, or in advance.
 *                Left with the answer.
 *   open         Entered by an answer that grants all that was wanted, or by the first answer after
 *                `closed` or `unreachable` that names no block.
 *                Starts fetches under the local grant, and otherwise asks for more at once.
 *                Left with the next answer.
 *   limited      Entered by an answer that grants less than was wanted: the rate, the concurrency,
 *                or a probe that is under way.
 *                Waits until `askAt`. Under a local grant an ended fetch is followed by another.
 *                Slices whose turn is too far away are deferred.
 *                Left with the answer to the next question; a report alone does not leave it.
 *   closed       Entered by every answer that names a block or an open breaker.
 *                Gives up the scheduled starts and starts nothing until `askAt`; still reports.
 *                Slices whose turn is too far away are deferred.
 *                Left with the first answer that names neither.
 *   unreachable  Entered when an exchange fails: Redis is away.
 *                Sends nothing until `askAt`.
 *                Left with the next answer.
 */
import type { GateAnswer } from '@fetchfleet/fleet';

/** How long fetches may start without asking where only the concurrency is limited. */
export const GRANT_TTL_MS = 20;
/** The same for starts that were granted in advance: others have their permits yet. */
const ADVANCE_TTL_MS = 1_000;
/**
 * Other workers that wait, and batches with limits, may leave: that must show within 2 s, however
 * far away the next start is.
 */
export const MAX_ASK_AGAIN_MS = 1_000;
/** The same where there are none. Notifications tell of limits that a person has set. */
const MAX_ASK_AGAIN_ALONE_MS = 10_000;
const RETRY_AFTER_ERROR_MS = 500;
/** Exchanges that may wait are due at the same moments everywhere: they go to Redis together. */
const SHARED_MS = 50;
/**
 * The gate lets a worker ask half a horizon before the next start is due. With so long a one, a
 * question that waits for the next moment still comes in time.
 */
const MIN_SHARED_HORIZON_MS = 4 * SHARED_MS;

/** Until `until` fetches may start without asking while fewer than `allowedInFlight` run. */
interface LocalGrant {
  readonly allowedInFlight: number;
  /** As `performance.now()`. */
  readonly until: number;
  /** The gate has leased its starts, and there were no permits for them. */
  readonly isInAdvance?: true;
}

/** Times are as `performance.now()`. */
export type Phase =
  | { readonly kind: 'unasked' }
  | { readonly kind: 'open'; readonly localGrant: LocalGrant; readonly answer: GateAnswer }
  | {
      readonly kind: 'limited';
      readonly askAt: number;
      readonly localGrant: LocalGrant;
      readonly answer: GateAnswer;
    }
  | { readonly kind: 'closed'; readonly askAt: number; readonly answer: GateAnswer }
  | { readonly kind: 'unreachable'; readonly askAt: number };

export const UNASKED: Phase = { kind: 'unasked' };
const NO_GRANT: LocalGrant = { allowedInFlight: 0, until: 0 };

/** What an exchange asked for, and when its answer came. */
export interface Asked {
  /** Starts; 0 if it only reported. */
  readonly wanted: number;
  /** Whether they were wanted before there are permits for them. @default false */
  readonly isInAdvance?: boolean;
  /** How far ahead starts might be promised. @default 0 */
  readonly horizonMs?: number;
  readonly now: number;
}

/** The phase after an exchange. */
export function phaseAfter(
  phase: Phase,
  answer: GateAnswer,
  { wanted, isInAdvance = false, horizonMs = 0, now }: Asked,
): Phase {
  if (answer.state === 'blocked' || answer.state === 'breaker') {
    return { kind: 'closed', askAt: now + answer.againInMs, answer };
  }
  if (isInAdvance && answer.granted > 0) {
    const until = now + ADVANCE_TTL_MS;
    const localGrant = { allowedInFlight: answer.granted, until, isInAdvance } as const;
    return { kind: 'open', localGrant, answer };
  }
  // Where it is not free, the answer is that to a report.
  const localGrant = localGrantOf(answer, { wanted: isInAdvance ? 0 : wanted, now });
  const saysWhatLimits = (wanted > 0 && !isInAdvance) || answer.early.length > 0;
  if (saysWhatLimits && answer.state !== 'open') {
    const isByRate = answer.state === 'rate';
    const maxMs = isByRate ? maxAskAgainMs(answer) : MAX_ASK_AGAIN_MS;
    const againInMs = Math.max(1, Math.min(answer.againInMs, maxMs));
    const isShared = isByRate && horizonMs >= MIN_SHARED_HORIZON_MS;
    const askAt = isShared ? sharedMoment(now + againInMs) : now + againInMs;
    return { kind: 'limited', askAt, localGrant, answer };
  }
  if (wanted === 0 && phase.kind === 'limited') {
    // The answer to a mere report does not say what limits the starts.
    const askAt = Math.min(phase.askAt, now + maxAskAgainMs(answer));
    return { kind: 'limited', askAt, localGrant, answer: { ...answer, state: phase.answer.state } };
  }
  return { kind: 'open', localGrant, answer };
}

/** The phase after a slice has come: the gate has to know of it. */
export function phaseAfterArrival(phase: Phase, now: number): Phase {
  return phase.kind === 'limited'
    ? { ...phase, askAt: Math.min(phase.askAt, now + MAX_ASK_AGAIN_MS) }
    : phase;
}

function maxAskAgainMs({ isAlone }: GateAnswer): number {
  return isAlone ? MAX_ASK_AGAIN_ALONE_MS : MAX_ASK_AGAIN_MS;
}

/** The first moment from `at` on at which exchanges are due that may wait for it. */
export function sharedMoment(at: number): number {
  return Math.ceil(at / SHARED_MS) * SHARED_MS;
}

/** The phase after slices were deferred. One that comes back is not early because it once was. */
export function phaseAfterDeferral(phase: Phase): Phase {
  if (!('answer' in phase) || phase.answer.early.length === 0) {
    return phase;
  }
  return { ...phase, answer: { ...phase.answer, early: [] } };
}

/** The phase after an exchange that failed. */
export function phaseAfterError(now: number): Phase {
  return { kind: 'unreachable', askAt: now + RETRY_AFTER_ERROR_MS };
}

/** The phase after a batch has come whose limits were not known when a local grant was given. */
export function phaseWithoutGrant(phase: Phase): Phase {
  return 'localGrant' in phase ? { ...phase, localGrant: NO_GRANT } : phase;
}

/** When to ask for more starts. */
export function askAtOf(phase: Phase): number {
  return 'askAt' in phase ? phase.askAt : 0;
}

/** The answer that starts depend on; undefined where none may be made on its terms. */
export function openAnswerOf(phase: Phase): GateAnswer | undefined {
  return phase.kind === 'open' || phase.kind === 'limited' ? phase.answer : undefined;
}

/** Until when starts can be made that were granted in advance; 0 if none was. */
export function advanceUntil(phase: Phase): number {
  return phase.kind === 'open' && phase.localGrant.isInAdvance === true
    ? phase.localGrant.until
    : 0;
}

/** How many fetches may start under the local grant beside `inFlight` others. */
export function remaining(phase: Phase, inFlight: number, now: number): number {
  if (phase.kind !== 'open' && phase.kind !== 'limited') {
    return 0;
  }
  const { allowedInFlight, until } = phase.localGrant;
  return now < until ? Math.max(0, allowedInFlight - inFlight) : 0;
}

function localGrantOf(
  { state, spacingMs, allowedInFlight }: GateAnswer,
  { wanted, now }: Pick<Asked, 'wanted' | 'now'>,
): LocalGrant {
  const isPaced = spacingMs > 0 || (state !== 'open' && state !== 'concurrency');
  // A mere report renews no bounded grant: another worker may wait for these permits.
  if (isPaced || (wanted === 0 && allowedInFlight < Infinity)) {
    return NO_GRANT;
  }
  return { allowedInFlight, until: now + GRANT_TTL_MS };
}
