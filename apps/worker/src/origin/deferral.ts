import type { GateAnswer } from '@fetchfleet/fleet';
import { MAX_ASK_AGAIN_MS, type Phase } from './origin-phase.ts';
import type { WaitingSlice } from './waiting-slice.ts';

/** A slice that would wait longer is deferred until shortly before its turn. */
const MAX_LOCAL_WAIT_MS = 4_000;
/** The same where the origin refuses or fails: there `politeness.patience` runs out. */
export const MAX_DENIED_LOCAL_WAIT_MS = 2_500;
/**
 * The same for a slice that was never deferred, while other batches are in the waitlist: the first
 * ones of its batch stay here. Below the second for which the gate wakes slices, or it would have
 * no reason to wake those of the others.
 */
const MAX_FRESH_MS = 500;
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

/**
 * The slices to defer: their turn is too far away, their patience with the origin is over, or the
 * waitlist has slices of other batches whose turn is earlier.
 */
export function farSlices(phase: Phase, slices: Iterable<WaitingSlice>, now: number): FarSlice[] {
  if (phase.kind !== 'limited' && phase.kind !== 'closed') {
    return [];
  }
  const { state, deniedForMs, paceMs, waiters } = phase.answer;
  const turns = new Turns(slices);
  const isDenied = deniedForMs > 0;
  const maxWaitMs = isDenied ? MAX_DENIED_LOCAL_WAIT_MS : MAX_LOCAL_WAIT_MS;
  const untilAskMs = untilAskMsOf(phase, now);
  const stepMs = paceMs * waiters;
  const far: FarSlice[] = [];
  for (const slice of underWayFirst(slices)) {
    const aheadMs = turns.ahead(slice) * stepMs;
    const waitMs = untilAskMs + aheadMs;
    const waitsLocally = isDenied
      ? slice.hasPatienceFor(deniedForMs)
      : !isEarly(slice, aheadMs, phase.answer);
    if (slice.waiting > 0 && !(waitMs <= maxWaitMs && waitsLocally)) {
      far.push({ slice, waitMs, stepMs, state, deniedForMs });
    }
  }
  return far;
}

/** The first slices of a limited origin stay here, however far away its next start is. */
function untilAskMsOf(
  { kind, askAt }: Extract<Phase, { readonly kind: 'limited' | 'closed' }>,
  now: number,
): number {
  const untilAskMs = Math.max(0, askAt - now);
  return kind === 'limited' ? Math.min(untilAskMs, MAX_ASK_AGAIN_MS) : untilAskMs;
}

/** The slices in the order in which they stay here; otherwise as they came. */
function underWayFirst(slices: Iterable<WaitingSlice>): Iterable<WaitingSlice> {
  const underWay = [...slices].filter((slice) => slice.isUnderWay === true);
  return underWay.length === 0 ? slices : new Set([...underWay, ...slices]);
}

/** Whether slices of other batches, in the waitlist, come before. */
function isEarly(slice: WaitingSlice, aheadMs: number, { isShared, early }: GateAnswer): boolean {
  // A single request cannot be put in the waitlist.
  if (!isShared || !slice.isSlice || slice.comesFirst) {
    return false;
  }
  const isFresh = slice.ticket === 0;
  return isFresh ? aheadMs > MAX_FRESH_MS : early.includes(slice.id);
}

/** Counts the fetches before each slice as an `AdmissionQueue` starts them. */
class Turns {
  /** Fetches that come before those of all batches. */
  #first = 0;
  /** The others of each batch. */
  readonly #waiting = new Map<string, number>();
  /** Those of them that were counted. */
  readonly #counted = new Map<string, number>();

  constructor(slices: Iterable<WaitingSlice>) {
    for (const { comesFirst, limits, waiting } of slices) {
      if (!comesFirst) {
        add(this.#waiting, limits.batch, waiting);
      }
    }
  }

  /** To be called once for each slice, in their order. */
  ahead({ comesFirst, limits, waiting }: WaitingSlice): number {
    if (comesFirst) {
      this.#first += waiting;
      return this.#first - waiting;
    }
    const own = add(this.#counted, limits.batch, waiting) - waiting;
    let ahead = this.#first;
    for (const ofBatch of this.#waiting.values()) {
      ahead += Math.min(own, ofBatch);
    }
    return ahead;
  }
}

function add(counts: Map<string, number>, batch: string, more: number): number {
  const sum = (counts.get(batch) ?? 0) + more;
  counts.set(batch, sum);
  return sum;
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
