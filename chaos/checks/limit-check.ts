import type { Arrived, Ended } from '../origin/origin-messages.ts';
import type { Limits } from '../origin/origins.ts';

/** Limits that may have been in force between two times, in ms since 1970. */
export interface LimitSpan {
  readonly limits: Limits;
  readonly from: number;
  readonly to: number;
}

export interface Excess {
  readonly at: number;
  readonly windowMs: number;
  readonly count: number;
  readonly allowed: number;
}

/** A change of a limit reaches all workers within 2 s (docs/politeness.md). */
const CHANGE_MS = 2_000;
/** A second as promised; and ten, in which a rate that is a little too high shows more. */
const WINDOWS_MS = [1_000, 10_000];

export interface Lateness {
  /** For how long, in ms, requests that were sent may have been held up between two times. */
  (from: number, to: number): number;
}

/**
 * The first window in which more requests arrived than the rate allows, for each length.
 *
 * The promise holds for the moment at which a request is sent; operating systems without free CPU
 * time may let requests arrive together that were sent apart (docs/politeness.md, "How exact a
 * limit is"). So a window may have what was sent before it and was late.
 *
 * @param times of all requests at one origin, sorted
 */
export function rateExcesses(
  times: readonly number[],
  spans: readonly LimitSpan[],
  lateness: Lateness,
): readonly Excess[] {
  return WINDOWS_MS.flatMap((windowMs) => {
    let from = 0;
    for (const [at, time] of times.entries()) {
      while ((times[from] ?? time) <= time - windowMs) {
        from += 1;
      }
      const count = at - from + 1;
      const begin = times[from] ?? time;
      const { rate, burst } = widest(spans, begin - CHANGE_MS, time);
      if (rate === undefined || count <= (rate * windowMs) / 1000 + burst) {
        continue;
      }
      const lateMs = lateness(begin - 1_000, begin + 1_000);
      const allowed = Math.floor((rate * (windowMs + lateMs)) / 1000 + burst);
      if (count > allowed) {
        return [{ at: begin, windowMs, count, allowed }];
      }
    }
    return [];
  });
}

/** A request that its client gave up ended for the client before the origin noticed. */
const NOTICE_MS = 300;
/** The lease of a worker that stands still ends after 12 s (docs/architecture/gate.md). */
const LEASE_MS = 12_000;

/** The first moment at which more requests were in flight than the concurrency allows. */
export function concurrencyExcess(
  arrivals: readonly Arrived[],
  ends: ReadonlyMap<number, Ended>,
  spans: readonly LimitSpan[],
): Excess | undefined {
  const changes = arrivals.flatMap(([id, at]) => {
    const [, endedAt = Infinity, isAnswered = false] = ends.get(id) ?? [];
    const end = Math.min(isAnswered ? endedAt : endedAt - NOTICE_MS, at + LEASE_MS);
    return end > at
      ? ([
          [at, 1],
          [end, -1],
        ] as const)
      : [];
  });
  let count = 0;
  // At the same time, ends come first.
  for (const [at, change] of changes.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    count += change;
    const { concurrency } = widest(spans, at - CHANGE_MS, at);
    if (change > 0 && count > concurrency) {
      return { at, windowMs: 0, count, allowed: concurrency };
    }
  }
  return undefined;
}

/** The highest of the limits that may have been in force. */
function widest(spans: readonly LimitSpan[], from: number, to: number): Limits {
  const there = spans.filter((span) => span.from <= to && span.to >= from);
  const [first, ...others] = there.map(({ limits }) => limits);
  if (first === undefined) {
    return { rate: undefined, burst: 0, concurrency: Infinity };
  }
  return others.reduce(
    (wide, limits) => ({
      rate:
        wide.rate === undefined || limits.rate === undefined
          ? undefined
          : Math.max(wide.rate, limits.rate),
      burst: Math.max(wide.burst, limits.burst),
      concurrency: Math.max(wide.concurrency, limits.concurrency),
    }),
    first,
  );
}
