/** What the origins received. */
export interface Arrivals {
  readonly origins: number;
  readonly fetches: number;
  /**
   * Fetches ÷ what the limit allows between the first and last fetch of an origin, for all origins.
   */
  readonly used: number;
  /** Largest number of fetches that one origin received in any second. */
  readonly busiest: number;
}

/**
 * @param perSecond the limit of each origin
 * @param arrivals times in ms, by origin
 */
export function measureArrivals(
  arrivals: readonly (readonly number[])[],
  perSecond: number,
): Arrivals {
  let fetches = 0;
  let allowed = 0;
  let most = 0;
  for (const own of arrivals) {
    const sorted = own.toSorted((a, b) => a - b);
    const seconds = ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / 1000;
    fetches += sorted.length;
    allowed += 1 + seconds * perSecond;
    most = Math.max(most, busiest(sorted));
  }
  return { origins: arrivals.length, fetches, used: fetches / allowed, busiest: most };
}

function busiest(sorted: readonly number[]): number {
  let most = 0;
  let from = 0;
  for (const [at, instant] of sorted.entries()) {
    while ((sorted[from] ?? instant) <= instant - 1000) {
      from += 1;
    }
    most = Math.max(most, at - from + 1);
  }
  return most;
}
