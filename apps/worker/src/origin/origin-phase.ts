/*
 * What the gate said last about an origin, as far as it decides what this worker does next.
 *
 *   unasked      Entered at the beginning, and from every phase when the fleet announces that the
 *                limits or blocks of the origin have changed.
 *                Asks the gate as soon as a fetch waits and a permit is free.
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
const GRANT_TTL_MS = 20;
/** A raised limit must show within 2 s, however far away the next start is. */
const MAX_ASK_AGAIN_MS = 1_000;
const RETRY_AFTER_ERROR_MS = 500;

/** Until `until` fetches may start without asking while fewer than `allowedInFlight` run. */
interface LocalGrant {
  readonly allowedInFlight: number;
  /** As `performance.now()`. */
  readonly until: number;
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

/** The phase after an exchange that asked for `wanted` starts; 0 if it only reported. */
export function phaseAfter(
  phase: Phase,
  answer: GateAnswer,
  { wanted, now }: { readonly wanted: number; readonly now: number },
): Phase {
  if (answer.state === 'blocked' || answer.state === 'breaker') {
    return { kind: 'closed', askAt: now + answer.againInMs, answer };
  }
  const localGrant = localGrantOf(answer, { wanted, now });
  const saysWhatLimits = wanted > 0 || answer.early.length > 0;
  if (saysWhatLimits && answer.state !== 'open') {
    const againInMs = Math.max(1, Math.min(answer.againInMs, MAX_ASK_AGAIN_MS));
    return { kind: 'limited', askAt: now + againInMs, localGrant, answer };
  }
  if (wanted === 0 && phase.kind === 'limited') {
    // The answer to a mere report does not say what limits the starts.
    const { askAt } = phase;
    return { kind: 'limited', askAt, localGrant, answer: { ...answer, state: phase.answer.state } };
  }
  return { kind: 'open', localGrant, answer };
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

/** When to ask for more starts. */
export function askAtOf(phase: Phase): number {
  return 'askAt' in phase ? phase.askAt : 0;
}

/** The answer that starts depend on; undefined where none may be made on its terms. */
export function openAnswerOf(phase: Phase): GateAnswer | undefined {
  return phase.kind === 'open' || phase.kind === 'limited' ? phase.answer : undefined;
}

/** How many fetches may start under the local grant beside `inFlight` others. */
export function remaining(phase: Phase, inFlight: number, now: number): number {
  if (phase.kind !== 'open' && phase.kind !== 'limited') {
    return 0;
  }
  const { allowedInFlight, until } = phase.localGrant;
  return now < until ? Math.max(0, allowedInFlight - inFlight) : 0;
}

/** The phase after a batch has come whose limits were not known when a local grant was given. */
export function phaseWithoutGrant(phase: Phase): Phase {
  return 'localGrant' in phase ? { ...phase, localGrant: NO_GRANT } : phase;
}

function localGrantOf(
  { state, spacingMs, allowedInFlight }: GateAnswer,
  { wanted, now }: { readonly wanted: number; readonly now: number },
): LocalGrant {
  const isPaced = spacingMs > 0 || (state !== 'open' && state !== 'concurrency');
  // A mere report renews no bounded grant: another worker may wait for these permits.
  if (isPaced || (wanted === 0 && allowedInFlight < Infinity)) {
    return NO_GRANT;
  }
  return { allowedInFlight, until: now + GRANT_TTL_MS };
}
