import type { FetchResult, RequestedDelay } from '@fetchfleet/crawl';
import { EMPTY_REPORT, type OriginReport } from '@fetchfleet/fleet';

/** Adds up what the results of an origin's fetches say about the origin, for the gate. */
export class ReportBuilder {
  readonly #onClamped: (maxMs: number) => void;
  #report = EMPTY_REPORT;
  #durationsMs: number[] = [];
  #isUrgent = false;
  /** Start of the youngest fetch that has succeeded, in epoch milliseconds. */
  #okStartedAt = -Infinity;

  /** @param onClamped called with the maximum when an answer asks for a longer delay */
  constructor(onClamped: (maxMs: number) => void) {
    this.#onClamped = onClamped;
  }

  /** Results since the last report. */
  get ended(): number {
    return this.#report.ended;
  }

  /** The origin refused or failed: the fleet must know at once. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /**
   * The origin refused, so scheduled starts are given up. After a failure they are still made,
   * until the breaker opens.
   */
  get isRefusal(): boolean {
    return this.#report.refused > 0 || this.#report.blockReason !== '';
  }

  /** @param delay what `requestedDelayOf` read from the answer */
  add(result: FetchResult, delay?: RequestedDelay): void {
    const r = this.#report;
    const { blockReason = '', blockMs = 0 } = delay ?? {};
    const isBlock = blockReason !== '';
    if (delay?.isClamped === true) {
      this.#onClamped(blockMs);
    }
    const verdict = this.#verdictOn(result, delay?.isRefusal === true);
    if (verdict === 'ok') {
      this.#okStartedAt = Math.max(this.#okStartedAt, result.startedAt);
    }
    const isLonger = isBlock && (blockMs > r.blockMs || r.blockReason === '');
    this.#durationsMs.push(result.durationMs);
    this.#report = {
      ended: r.ended + 1,
      durationMs: r.durationMs + result.durationMs,
      typicalMs: 0,
      ok: r.ok + (verdict === 'ok' ? 1 : 0),
      refused: r.refused + (verdict === 'refused' ? 1 : 0),
      blockMs: isLonger ? blockMs : r.blockMs,
      blockReason: isLonger ? blockReason : r.blockReason,
      failures: verdict === 'failed' ? r.failures + 1 : verdict === 'ok' ? 0 : r.failures,
      timeouts: r.timeouts + (isTimeout(result) ? 1 : 0),
    };
    if (verdict === 'refused' || verdict === 'failed' || isBlock) {
      this.#isUrgent = true;
    }
  }

  /** @returns what was added since the last call */
  take(): OriginReport {
    const report = { ...this.#report, typicalMs: median(this.#durationsMs) };
    this.#report = EMPTY_REPORT;
    this.#durationsMs = [];
    this.#isUrgent = false;
    return report;
  }

  /** Adds a report that did not reach the gate to the next one. */
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

  /** A timeout says nothing of the origin if a fetch that started later has succeeded. */
  #verdictOn(result: FetchResult, isRefusal: boolean): ReturnType<typeof verdictOf> {
    const isOutdated = isTimeout(result) && result.startedAt < this.#okStartedAt;
    return isOutdated ? undefined : verdictOf(result, isRefusal);
  }
}

function isTimeout(result: FetchResult): boolean {
  return result.kind === 'failure' && result.outcome === 'timeout';
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** What a result says of its origin; undefined if it says nothing. */
function verdictOf(
  result: FetchResult,
  isRefusal: boolean,
): 'ok' | 'refused' | 'failed' | undefined {
  if (result.kind === 'response') {
    if (isRefusal) {
      return 'refused';
    }
    return result.status >= 500 ? 'failed' : 'ok';
  }
  const isFailing = result.outcome === 'network-error' || result.outcome === 'timeout';
  return isFailing ? 'failed' : undefined;
}
