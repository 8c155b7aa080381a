/** Weight of the newest round trip in the moving average. */
const WEIGHT = 0.1;
const MAX_LEAD_MS = 500;
/** The clocks drift: what was learned is trusted less and less, by so much in every second. */
const DRIFT_MS_PER_S = 0.2;

/**
 * Redis' clock in terms of this process's own. An answer that names a time has been under way for a while: of all answers the one
 * that took least tells the difference best.
 */
export class RedisClock {
  #differenceMs = Infinity;
  #learnedAt = 0;
  #roundTripMs = 1;

  /** How long until an answer to a question asked now is here, with some reserve. */
  get leadMs(): number {
    return Math.min(MAX_LEAD_MS, this.#roundTripMs * 1.5 + 0.5);
  }

  /** @param nowMs what Redis said; `askedAt` and `answeredAt` by `performance.now()` */
  learn(nowMs: number, { askedAt, answeredAt }: { askedAt: number; answeredAt: number }): void {
    this.#roundTripMs += (answeredAt - askedAt - this.#roundTripMs) * WEIGHT;
    const aged = this.#differenceMs + ((answeredAt - this.#learnedAt) / 1000) * DRIFT_MS_PER_S;
    this.#differenceMs = Math.min(aged, answeredAt - nowMs);
    this.#learnedAt = answeredAt;
  }

  /** A moment of Redis' clock by `performance.now()`. */
  toLocal(redisMs: number): number {
    return redisMs + this.#differenceMs;
  }
}
