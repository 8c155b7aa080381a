import type { BatchLimits } from '@fetchfleet/fleet';
import type { OriginScheduler } from './origin-scheduler.ts';
import type { Deferral, StartGrant, WaitingSlice } from './waiting-slice.ts';

export interface SingleRequestOptions {
  /** For logs and errors. */
  readonly id: string;
  readonly limits: BatchLimits;
  /** Whether it comes before the slices that wait. */
  readonly comesFirst: boolean;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  readonly hasPatienceFor: (deniedForMs: number) => boolean;
}

/** The schedulers of all origins, as far as a single request needs them. */
export interface TurnSchedulers {
  of(origin: string): Pick<OriginScheduler, 'admit'>;
  wake(origin: string): void;
}

/** A request beside those of slices: a redirect leads to it, or it is for robots.txt. */
class SingleRequest implements WaitingSlice {
  readonly id: string;
  readonly limits: BatchLimits;
  readonly comesFirst: boolean;
  readonly isSlice = false;
  readonly ticket = 0;
  readonly #options: SingleRequestOptions;
  #grant: StartGrant | undefined;

  constructor(options: SingleRequestOptions) {
    this.id = options.id;
    this.limits = options.limits;
    this.comesFirst = options.comesFirst;
    this.#options = options;
  }

  get grant(): StartGrant | undefined {
    return this.#grant;
  }

  get waiting(): number {
    return this.#grant === undefined && !this.#options.signal.aborted ? 1 : 0;
  }

  hasPatienceFor(deniedForMs: number): boolean {
    return this.#options.hasPatienceFor(deniedForMs);
  }

  start(grant: StartGrant): void {
    this.#grant = grant;
  }
}

/**
 * Waits until one request may be sent to an origin. Nothing is held meanwhile, so origins cannot
 * wait for each other.
 *
 * @returns the permission, which has to be used at once; the reason to try again later, where its
 * turn is too far away; or undefined if the wait was ended
 */
export async function turnAt(
  schedulers: TurnSchedulers,
  origin: string,
  options: SingleRequestOptions,
): Promise<StartGrant | Deferral | undefined> {
  const { signal } = options;
  const request = new SingleRequest(options);
  const wake = (): void => schedulers.wake(origin);
  signal.addEventListener('abort', wake);
  try {
    const admission = await schedulers.of(origin).admit(request);
    if (request.grant !== undefined) {
      return request.grant;
    }
    return admission.kind === 'deferred' ? admission : undefined;
  } finally {
    signal.removeEventListener('abort', wake);
  }
}

/** Whether a wait has ended with the permission to start. */
export function isGranted(turn: StartGrant | Deferral | undefined): turn is StartGrant {
  return turn !== undefined && 'onEnded' in turn;
}
