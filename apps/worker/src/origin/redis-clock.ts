/** Weight of the newest round trip in the moving average. */
const WEIGHT = 0.1;
const MAX_LEAD_MS = 500;
/**
 * Starts may be late by twice as much (`MAX_LATE_MS`), so that an answer may be late as well. A
 * lead that is longer than the answer takes lets every start wait that follows from it.
 */
const SPARE_MS = 5;
/** Clocks drift: an old measurement counts as this much worse for every second of its age. */
const DRIFT_MS_PER_S = 0.2;

/**
 * Redis' clock in terms of `performance.now()`. An answer is as old as its way back took, so the
 * answer with the shortest way gives the best estimate of the difference.
 *
 * Redis has read its clock after the question and before the answer, so the difference is between
 * the two:
 *
 *     askedAt − redisMs  ≤  difference  ≤  answeredAt − redisMs
 *
 * An estimate that is outside is of another clock: this one was set, a replica took over, or
 * another node of a cluster has answered. It moves to the next end at once. Otherwise all slots
 * would seem to have passed, and no fetch would start.
 */
export class RedisClock {
  #differenceMs = Infinity;
  #learnedAt = 0;
  #roundTripMs = 1;

  /** How long the answer to a question asked now may take before starts are late. */
  get leadMs(): number {
    return Math.max(0, Math.min(MAX_LEAD_MS, this.#roundTripMs * 1.5 - SPARE_MS));
  }

  /** @param redisMs the time that Redis named; `askedAt` and `answeredAt` by `performance.now()` */
  learn(
    redisMs: number,
    { askedAt, answeredAt }: { readonly askedAt: number; readonly answeredAt: number },
  ): void {
    this.#roundTripMs += (answeredAt - askedAt - this.#roundTripMs) * WEIGHT;
    const aged = this.#differenceMs + ((answeredAt - this.#learnedAt) / 1000) * DRIFT_MS_PER_S;
    this.#differenceMs = Math.max(askedAt - redisMs, Math.min(aged, answeredAt - redisMs));
    this.#learnedAt = answeredAt;
  }

  /** Converts a time of Redis' clock to `performance.now()`. */
  toLocal(redisMs: number): number {
    return redisMs + this.#differenceMs;
  }
}
