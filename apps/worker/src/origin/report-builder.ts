import type { FetchResult, RequestedDelay } from '@fetchfleet/crawl';
import { EMPTY_REPORT, type OriginReport } from '@fetchfleet/fleet';

/** Adds up what fetches of an origin say about it, for the gate. */
export class ReportBuilder {
  readonly #onClamped: (maxMs: number) => void;
  #report = EMPTY_REPORT;
  /** Of the same fetches; their median is reckoned when the report is taken. */
  #durationsMs: number[] = [];
  #isUrgent = false;
  /** When the youngest fetch was started that has succeeded. */
  #okStartedAt = -Infinity;

  /** @param onClamped called with the maximum when an answer asks for a longer delay */
  constructor(onClamped: (maxMs: number) => void) {
    this.#onClamped = onClamped;
  }

  /** Fetches that have ended since it was taken. */
  get ended(): number {
    return this.#report.ended;
  }

  get isEmpty(): boolean {
    return this.ended === 0;
  }

  /** The origin objects or fails: the fleet must know at once. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /** The origin says "not now": what was promised is not started. Failures alone are told, and what is promised goes on until the breaker opens. */
  get isObjection(): boolean {
    return this.#report.refused > 0 || this.#report.blockReason !== '';
  }

  /** @param delay what `requestedDelayOf` read from the answer */
  add(result: FetchResult, delay?: RequestedDelay): void {
    const r = this.#report;
    const { blockReason = '', blockMs = 0 } = delay ?? {};
    const isBlock = blockReason !== '';
    if (delay?.isClamped === true) this.#onClamped(blockMs);
    const kind = this.#kindOf(result, delay?.isRefusal === true);
    if (kind === 'ok') this.#okStartedAt = Math.max(this.#okStartedAt, result.startedAt);
    const isLonger = isBlock && (blockMs > r.blockMs || r.blockReason === '');
    this.#durationsMs.push(result.durationMs);
    this.#report = {
      ended: r.ended + 1,
      durationMs: r.durationMs + result.durationMs,
      typicalMs: 0,
      ok: r.ok + (kind === 'ok' ? 1 : 0),
      refused: r.refused + (kind === 'refused' ? 1 : 0),
      blockMs: isLonger ? blockMs : r.blockMs,
      blockReason: isLonger ? blockReason : r.blockReason,
      failures: kind === 'failed' ? r.failures + 1 : kind === 'ok' ? 0 : r.failures,
      timeouts: r.timeouts + (isTimeout(result) ? 1 : 0),
    };
    if (kind === 'refused' || kind === 'failed' || isBlock) this.#isUrgent = true;
  }

  /** What was added since the last time. */
  take(): OriginReport {
    const report = { ...this.#report, typicalMs: median(this.#durationsMs) };
    this.#report = EMPTY_REPORT;
    this.#durationsMs = [];
    this.#isUrgent = false;
    return report;
  }

  /** It could not be told: it counts with the next one. */
  putBack(report: OriginReport): void {
    const r = this.#report;
    this.#durationsMs.push(...Array.from({ length: report.ended }, () => report.typicalMs));
    this.#report = {
      ended: r.ended + report.ended,
      durationMs: r.durationMs + report.durationMs,
      typicalMs: 0,
      ok: r.ok + report.ok,
      refused: r.refused + report.refused,
      blockMs: Math.max(r.blockMs, report.blockMs),
      blockReason: r.blockMs > report.blockMs ? r.blockReason : report.blockReason,
      failures: r.ok > 0 ? r.failures : r.failures + report.failures,
      timeouts: r.timeouts + report.timeouts,
    };
  }

  /** A fetch that hung while younger ones were answered does not tell that the origin fails. */
  #kindOf(result: FetchResult, isRefusal: boolean): ReturnType<typeof kindOf> {
    const isOutdated = isTimeout(result) && result.startedAt < this.#okStartedAt;
    return isOutdated ? undefined : kindOf(result, isRefusal);
  }
}

function isTimeout(result: FetchResult): boolean {
  return result.kind === 'failure' && result.outcome === 'timeout';
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** What a result says of its origin; undefined where it says nothing. */
function kindOf(result: FetchResult, isRefusal: boolean): 'ok' | 'refused' | 'failed' | undefined {
  if (result.kind === 'response') {
    if (isRefusal) return 'refused';
    return result.status >= 500 ? 'failed' : 'ok';
  }
  const isFailing = result.outcome === 'network-error' || result.outcome === 'timeout';
  return isFailing ? 'failed' : undefined;
}
