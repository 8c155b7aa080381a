/** The circuit breaker of the gate: opened by ten failures, for 2 s, doubling up to 5 min. */
const FAILURES = 10;
const FIRST_SECONDS = 2;
const LONGEST_SECONDS = 300;

/** What an outage makes of an origin that is being fetched. */
export interface Outage {
  /** When fetches go on: the first probe that is answered, in seconds. */
  readonly endsAt: number;
  /** Requests that failed: those that opened the breaker, and probes. */
  readonly failed: number;
}

/**
 * @param now when the first request meets the outage, in seconds
 * @param upAt when the origin answers again, in seconds
 * @param spacing seconds between two requests while the origin is up
 */
export function outageAt(now: number, upAt: number, spacing: number): Outage {
  // A short outage may be over before ten requests have failed.
  const opensAt = now + (FAILURES - 1) * spacing;
  if (opensAt >= upAt) {
    return { endsAt: upAt, failed: Math.max(1, Math.ceil((upAt - now) / spacing)) };
  }
  let [endsAt, open, failed] = [opensAt + FIRST_SECONDS, FIRST_SECONDS, FAILURES];
  while (endsAt < upAt) {
    open = Math.min(LONGEST_SECONDS, open * 2);
    endsAt += open;
    failed += 1;
  }
  return { endsAt, failed };
}
