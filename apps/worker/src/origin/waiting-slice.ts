import type { Gate, GateAnswer, BatchLimits } from '@fetchfleet/fleet';

/** Whose turn is farther than this comes back half-way, and asks again. */
const FAR_MS = 10 * 60_000;
/**
 * Later than its turn: it is called back before, and so wakes up no worker by coming due, which would wake up all of them. Where the origin
 * objects or fails, nobody may be there to call.
 */
const BESIDE_CALL_MS = 5_000;
const BESIDE_DENIED_CALL_MS = 1_000;

/** A slice that wants to start fetches of the lane's origin. */
export interface WaitingSlice {
  /** Id of the slice. */
  readonly slice: string;
  readonly limits: BatchLimits;
  /** Fetches that wait to start; 0 when the slice has to stop. */
  readonly waiting: number;
  /** Its place among the parked; 0 if it was not parked. */
  readonly ticket: number;
  /** Whether it goes on waiting for an origin that has accepted nothing for so long. */
  isPatient(deniedForMs: number): boolean;
  /** Starts its next fetch, which owns a permit now. `isProbe`: it is the one try of an origin that has been failing. */
  start(isProbe: boolean): void;
}

/** Why a guest leaves the lane. */
export type Admission =
  | { readonly kind: 'served' }
  | {
      readonly kind: 'deferred';
      readonly dueInMs: number;
      readonly ticket: number;
      /** The origin says "not now" or fails, which patience bounds; otherwise it is only its turn that is far. */
      readonly isRefused: boolean;
      /** For how long it has accepted nothing. */
      readonly deniedForMs: number;
    };

/**
 * Gives a guest whose turn is too far its place in the line of the origin.
 *
 * @param waitMs how long it would have to wait here
 * @param hasJustCome the gate has not been told that it came
 */
export async function deferSlice(
  { gate, origin }: { readonly gate: Gate; readonly origin: string },
  { slice, waiting: count, ticket }: WaitingSlice,
  {
    state,
    deniedForMs,
    waitMs,
    hasJustCome,
  }: Pick<GateAnswer, 'state' | 'deniedForMs'> & {
    readonly waitMs: number;
    readonly hasJustCome: boolean;
  },
): Promise<Admission> {
  const parked = await gate.defer(origin, { slice, count, ticket, hasJustCome });
  const isClosed = state === 'blocked' || state === 'breaker' || state === 'probing';
  const dueInMs = isClosed
    ? Math.max(parked.dueInMs, waitMs)
    : comeBackIn(parked.dueInMs, deniedForMs > 0);
  return {
    kind: 'deferred',
    dueInMs: Math.ceil(dueInMs),
    ticket: parked.ticket,
    // Between two blocks nothing may stand in the way but those who try again.
    isRefused: isClosed || deniedForMs > 0,
    deniedForMs,
  };
}

/**
 * Whoever asks the gate calls the next in line back, so this is for when nobody does: half-way, as long as that is far, or a little later
 * than the forecast.
 */
function comeBackIn(dueInMs: number, isDenied: boolean): number {
  if (dueInMs > FAR_MS) return dueInMs / 2;
  return dueInMs * 1.1 + (isDenied ? BESIDE_DENIED_CALL_MS : BESIDE_CALL_MS);
}
