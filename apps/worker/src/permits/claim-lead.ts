/** The rate of starts is measured over at least this time: fetches of one length start in waves. */
const WINDOW_MS = 200;
/** A claim that takes longer has met a Redis that stood still; it counts as no more than this. */
const MAX_CLAIM_MS = 100;
/** The share of the newest claim in the mean. */
const WEIGHT = 1 / 8;
/** Claims vary: of one mean, half of them would come too late. */
const MEANS = 2;

/**
 * How many fetches must be waiting when the next slice is claimed, so that none of the permits
 * waits for it: as many as start in the time of two claims.
 *
 *     fetches = starts per ms × 2 × ms of a claim
 *
 * At a fast origin that is much of a slice; at a slow one next to nothing. So what a worker claims
 * ahead it starts soon, and an idle worker misses little by it.
 */
export class ClaimLead {
  readonly #now: () => number;
  #claimMs: number | undefined;
  #starts = 0;
  #since: number;
  #startsPerMs = 0;

  /** @param now as `performance.now()`, which is the default */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  /** To be called for every start of a fetch. */
  countStart(): void {
    this.#starts += 1;
  }

  /** @param ms from the question to the moment when the fetches of the slice waited */
  addClaim(ms: number): void {
    const taken = Math.min(ms, MAX_CLAIM_MS);
    this.#claimMs ??= taken;
    this.#claimMs += (taken - this.#claimMs) * WEIGHT;
  }

  /** For the last window that is over. */
  get fetches(): number {
    const elapsedMs = this.#now() - this.#since;
    if (elapsedMs >= WINDOW_MS) {
      this.#startsPerMs = this.#starts / elapsedMs;
      this.#since += elapsedMs;
      this.#starts = 0;
    }
    return Math.ceil(this.#startsPerMs * MEANS * (this.#claimMs ?? 0));
  }
}
