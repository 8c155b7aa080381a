import type { GateAnswer } from '@fetchfleet/fleet';

/** How long, and how often, a lane whose fetches have all started asks on for slices that were sent away. */
const VIGIL_MS = 5_000;
const VIGIL_ASK_MS = 200;
/** … and how often where another worker has fetches that wait, and asks for them: each time that so many could have started, but at least once a second. */
const SECOND_VIGIL_STARTS = 20;
const AT_LEAST_EVERY_MS = 1_000;

/**
 * A lane whose own fetches have all started goes on asking for a while: who was sent away under an older limit would idle beside a free
 * origin, so as long as any are left somebody asks.
 */
export class BacklogPoller {
  #until = 0;
  #askMs = VIGIL_ASK_MS;

  get isOn(): boolean {
    return performance.now() < this.#until;
  }

  /** How long after an answer to ask again. */
  get askMs(): number {
    return this.#askMs;
  }

  /** @param hasGuests whether fetches wait here, too */
  heed({ deferred, waiters, paceMs }: GateAnswer, isClosed: boolean, hasGuests: boolean): void {
    const isSecond = waiters > 1; // The asker counts as one of them.
    const rareMs = Math.min(AT_LEAST_EVERY_MS, SECOND_VIGIL_STARTS * paceMs);
    this.#askMs = isSecond ? Math.max(VIGIL_ASK_MS, rareMs) : VIGIL_ASK_MS;
    if (this.#until === -Infinity) return;
    if (deferred === 0 || isClosed) this.#until = 0;
    else if (hasGuests) this.#until = performance.now() + VIGIL_MS;
  }

  /** For good. */
  end(): void {
    this.#until = -Infinity;
  }
}
