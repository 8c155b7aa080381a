import type { GateAnswer } from '@fetchfleet/fleet';

/** How long an origin without waiting slices of its own is polled for deferred ones. */
const POLL_FOR_MS = 5_000;
/**
 * The same, less often: longer than it takes until the slices of a dead worker are queued again.
 * The worker that woke the slices of this origin may have died with all of them.
 */
const POLL_SLOWLY_FOR_MS = 20_000;
const POLL_SLOWLY_EVERY_MS = 1_000;
const POLL_EVERY_MS = 200;
/** Poll interval while another worker polls too: the time for 20 starts, at most 1 s. */
const SHARED_POLL_STARTS = 20;
const MAX_SHARED_POLL_MS = 1_000;

/**
 * Decides whether the gate is polled for deferred slices after all slices here have started.
 * Without it, slices that were deferred under an older limit would sit idle beside a free origin.
 */
export class BacklogPoller {
  #until = 0;
  #slowlyUntil = 0;
  #everyMs = POLL_EVERY_MS;
  #isStopped = false;

  /** Time between two polls in ms; undefined while there is nothing to poll for. */
  intervalMs(now: number): number | undefined {
    if (this.#isStopped || now >= this.#slowlyUntil) {
      return undefined;
    }
    return now < this.#until ? this.#everyMs : POLL_SLOWLY_EVERY_MS;
  }

  /** @param hasWaitingSlices whether slices wait here; their own calls then serve as polls */
  apply(
    answer: Pick<GateAnswer, 'deferred' | 'waiters' | 'paceMs' | 'state'>,
    { hasWaitingSlices, now }: { readonly hasWaitingSlices: boolean; readonly now: number },
  ): void {
    const { deferred, waiters, paceMs, state } = answer;
    const isShared = waiters > 1; // this worker is one of them
    const sharedMs = Math.min(MAX_SHARED_POLL_MS, SHARED_POLL_STARTS * paceMs);
    this.#everyMs = isShared ? Math.max(POLL_EVERY_MS, sharedMs) : POLL_EVERY_MS;
    if (deferred === 0 || state === 'blocked' || state === 'breaker') {
      this.#until = 0;
      this.#slowlyUntil = 0;
    } else if (hasWaitingSlices) {
      this.#until = now + POLL_FOR_MS;
      this.#slowlyUntil = now + POLL_SLOWLY_FOR_MS;
    }
  }

  /** Ends polling for good: the worker stops. */
  stop(): void {
    this.#isStopped = true;
  }
}
