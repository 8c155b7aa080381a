import type { GateAnswer } from '@fetchfleet/fleet';
import type { Phase } from './origin-phase.ts';
import type { WaitingSlice } from './waiting-slice.ts';

/** A slice that would wait longer is deferred until shortly before its turn. */
const MAX_LOCAL_WAIT_MS = 4_000;
/** The same where the origin refuses or fails: there `politeness.patience` runs out. */
const MAX_DENIED_LOCAL_WAIT_MS = 2_500;
/** A slice whose turn is farther away than this comes back half-way and asks again. */
const FAR_MS = 10 * 60_000;
/**
 * How long after its turn a deferred slice comes back by itself. A gate call wakes it earlier; a
 * slice that comes due on its own wakes all idle workers at once.
 */
const WAKE_UP_SLACK_MS = 5_000;
/** The same where the origin refuses or fails: there may be no worker that calls the gate. */
const DENIED_WAKE_UP_SLACK_MS = 1_000;

/** A slice that cannot wait for its turn in this worker, and why. */
export interface FarSlice extends Pick<GateAnswer, 'state' | 'deniedForMs'> {
  readonly slice: WaitingSlice;
  /** How long it would wait here. */
  readonly waitMs: number;
  /** Between two turns of this worker. */
  readonly stepMs: number;
}

/** The slices to defer: their turn is too far away, or their patience with the origin is over. */
export function farSlices(phase: Phase, slices: Iterable<WaitingSlice>, now: number): FarSlice[] {
  if (phase.kind !== 'limited' && phase.kind !== 'closed') {
    return [];
  }
  const { state, deniedForMs, paceMs, waiters } = phase.answer;
  const isDenied = deniedForMs > 0;
  const maxWaitMs = isDenied ? MAX_DENIED_LOCAL_WAIT_MS : MAX_LOCAL_WAIT_MS;
  const untilAskMs = Math.max(0, phase.askAt - now);
  const stepMs = paceMs * waiters;
  const far: FarSlice[] = [];
  let ahead = 0;
  for (const slice of slices) {
    const { waiting } = slice;
    const waitMs = untilAskMs + ahead * stepMs;
    const waitsLocally = waitMs <= maxWaitMs && (!isDenied || slice.hasPatienceFor(deniedForMs));
    if (waiting > 0 && !waitsLocally) {
      far.push({ slice, waitMs, stepMs, state, deniedForMs });
    }
    ahead += waiting;
  }
  return far;
}

/** Whether the origin itself is in the way, and not only its limits. */
export function isRefusedBy({ state, deniedForMs }: Pick<FarSlice, 'state' | 'deniedForMs'>) {
  // Between two blocks only the probes stand in the way, but nothing is accepted either.
  return isShut(state) || deniedForMs > 0;
}

/**
 * When a deferred slice comes back by itself.
 *
 * @param forecastMs the gate's forecast of its turn
 */
export function returnInMs(
  { state, deniedForMs, waitMs }: Omit<FarSlice, 'slice' | 'stepMs'>,
  forecastMs: number,
): number {
  if (isShut(state)) {
    return Math.ceil(Math.max(forecastMs, waitMs));
  }
  if (forecastMs > FAR_MS) {
    return Math.ceil(forecastMs / 2);
  }
  const slackMs = deniedForMs > 0 ? DENIED_WAKE_UP_SLACK_MS : WAKE_UP_SLACK_MS;
  return Math.ceil(forecastMs * 1.1 + slackMs);
}

/**
 * When the single requests that were sent away come back: one after another, at the pace of their
 * origin. If they all came at once, nearly all of them would be sent away again.
 */
export class ReturnTimes {
  #last = 0;

  /** Assigns the next place. @returns in how many ms to try again */
  next({ waitMs, stepMs }: Pick<FarSlice, 'waitMs' | 'stepMs'>, now: number): number {
    this.#last = Math.max(this.#last + stepMs, now + waitMs);
    const inMs = Math.ceil(this.#last - now);
    return inMs > FAR_MS ? Math.ceil(inMs / 2) : inMs;
  }
}

function isShut(state: GateAnswer['state']): boolean {
  return state === 'blocked' || state === 'breaker' || state === 'probing';
}
