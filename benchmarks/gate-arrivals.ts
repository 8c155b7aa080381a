/** Between which two moments a request came, in ms: the second is when it was read. */
export type Arrival = readonly [from: number, at: number];

/** What the origins received. */
export interface Arrivals {
  readonly origins: number;
  readonly fetches: number;
  /**
   * Fetches ÷ what the limit allows between the first and last fetch of an origin, for all origins.
   */
  readonly used: number;
  /**
   * Largest number of fetches that one origin received in any second. What a stalled origin reads
   * at once has come before: only what was certainly within a second counts.
   */
  readonly busiest: number;
}

/**
 * @param perSecond the limit of each origin
 * @param arrivals by origin, in the order in which they were read
 */
export function measureArrivals(
  arrivals: readonly (readonly Arrival[])[],
  perSecond: number,
): Arrivals {
  let fetches = 0;
  let allowed = 0;
  let most = 0;
  for (const own of arrivals) {
    const seconds = ((own.at(-1)?.[1] ?? 0) - (own[0]?.[1] ?? 0)) / 1000;
    fetches += own.length;
    allowed += 1 + seconds * perSecond;
    most = Math.max(most, busiest(own));
  }
  return { origins: arrivals.length, fetches, used: fetches / allowed, busiest: most };
}

function busiest(arrivals: readonly Arrival[]): number {
  let most = 0;
  let first = 0;
  for (const [last, [, at]] of arrivals.entries()) {
    while (at - (arrivals[first]?.[0] ?? at) >= 1000) {
      first += 1;
    }
    most = Math.max(most, last - first + 1);
  }
  return most;
}
