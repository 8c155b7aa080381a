import type { FetchResult, RequestedDelay } from '@fetchfleet/crawl';
import type { BatchLimits } from '@fetchfleet/fleet';

/** A request that is in flight with the permission of the gate. */
export interface PermitHolder {
  /** The gate may have given its permit to another worker. */
  onLeaseLost(): void;
}

/** Permission to start one fetch. It holds a permit until {@link StartGrant.onEnded} is called. */
export interface StartGrant {
  /** The requests in flight at the origin. Whoever sends one adds it here until it has ended. */
  readonly holders: Set<PermitHolder>;
  /**
   * To be called exactly once: with the result, the delay that the origin asks for in it, and
   * whether the URL was tried for the first time; or with undefined if the fetch was aborted.
   */
  readonly onEnded: (
    result: FetchResult | undefined,
    delay?: RequestedDelay,
    isFirstAttempt?: boolean,
  ) => void;
  /**
   * How many ms after its start the request may be sent, so that it meets none of the other starts;
   * Infinity where the rate is not limited.
   */
  readonly sendWithinMs: () => number;
  /** For how long the origin has accepted nothing, as far as this worker knows. */
  readonly deniedForMs: () => number;
}

/**
 * The ticket of a slice whose worker died. It had been claimed, so its turn had come: it is the
 * first in this worker and in the waitlist.
 */
export const FIRST_TICKET = 1;

/** A slice that wants to start fetches of one origin, or a single request. */
export interface WaitingSlice {
  /**
   * If false, it cannot be put in the origin's waitlist. Where its turn is too far away, whoever
   * waits for it tries again later.
   */
  readonly isSlice: boolean;
  /**
   * Whether a start may be followed by another one, page after page: then it takes turns with the
   * other slices of its batch. @default false
   */
  readonly hasPages?: boolean;
  /**
   * Whether some of its fetches are between two pages. Others are deferred first: what is under way
   * takes room in Redis until it ends. @default false
   */
  readonly isUnderWay?: boolean;
  /** Whether it is served before the others. */
  readonly comesFirst: boolean;
  readonly id: string;
  readonly limits: BatchLimits;
  /** Fetches that wait to start; 0 when the slice has to stop. */
  readonly waiting: number;
  /** Its ticket of the origin's waitlist; 0 if it was never deferred. */
  readonly ticket: number;
  /** Whether any of its fetches may wait on at an origin that accepted nothing for so long. */
  hasPatienceFor(deniedForMs: number): boolean;
  /** Starts its next fetch. Must not throw. */
  start(grant: StartGrant): void;
}

/** A slice is put in the origin's waitlist and leaves the worker; a single request is sent away. */
export interface Deferral {
  readonly kind: 'deferred';
  /** When the slice comes back by itself, or the request is to be tried again. */
  readonly dueInMs: number;
  readonly ticket: number;
  /**
   * The origin refuses or fails, which `politeness.patience` bounds. If false, only the turn of the
   * slice is too far away.
   */
  readonly isRefused: boolean;
  /** For how long the origin has accepted nothing. */
  readonly deniedForMs: number;
}

/** How a slice leaves the scheduler: all of its fetches have started, or it is deferred. */
export type Admission = { readonly kind: 'started' } | Deferral;
