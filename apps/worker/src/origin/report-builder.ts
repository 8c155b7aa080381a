import {
  type FetchResult,
  originErrorOf,
  type OriginVerdict,
  originVerdictOf,
  type RequestedDelay,
} from '@fetchfleet/crawl';
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

  /** The origin refused or is down: the fleet must know at once. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /**
   * The origin refused, so scheduled starts are given up. If it is down they are still made, until
   * the breaker opens.
   */
  get isRefusal(): boolean {
    return this.#report.refused > 0 || this.#report.blockReason !== '';
  }

  /**
   * @param delay what `requestedDelayOf` read from the answer
   * @param isFirstAttempt whether this URL has failed before says nothing new about the origin.
   * @default true
   */
  add(result: FetchResult, delay?: RequestedDelay, isFirstAttempt = true): void {
    const r = this.#report;
    const { blockReason = '', blockMs = 0 } = delay ?? {};
    const isBlock = blockReason !== '';
    if (delay?.isClamped === true) {
      this.#onClamped(blockMs);
    }
    const verdict = this.#verdictOn(result, delay?.isRefusal === true);
    const isAccepted = verdict === 'accepted';
    const isAnswer = isAccepted || verdict === 'refused' || verdict === 'error';
    if (isAccepted) {
      this.#okStartedAt = Math.max(this.#okStartedAt, result.startedAt);
    }
    const isLonger = isBlock && (blockMs > r.blockMs || r.blockReason === '');
    this.#durationsMs.push(result.durationMs);
    this.#report = {
      ended: r.ended + 1,
      durationMs: r.durationMs + result.durationMs,
      typicalMs: 0,
      ok: r.ok + (isAccepted ? 1 : 0),
      refused: r.refused + (verdict === 'refused' ? 1 : 0),
      blockMs: isLonger ? blockMs : r.blockMs,
      blockReason: isLonger ? blockReason : r.blockReason,
      failures: verdict === 'down' ? r.failures + 1 : isAnswer ? 0 : r.failures,
      errors: r.errors + (verdict === 'error' || verdict === 'lost' ? 1 : 0),
      errorUrls: isAccepted ? 0 : r.errorUrls + (verdict === 'error' && isFirstAttempt ? 1 : 0),
      timeouts: r.timeouts + (isTimeout(result) ? 1 : 0),
      lastError: r.lastError,
    };
    this.#keepError(result, { verdict, isBlock, delay });
    if (verdict === 'refused' || verdict === 'down' || isBlock) {
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
      errors: r.errors + report.errors,
      errorUrls: r.ok > 0 ? r.errorUrls : r.errorUrls + report.errorUrls,
      timeouts: r.timeouts + report.timeouts,
      lastError: r.lastError || report.lastError,
    };
  }

  /** A refusal is what the origin says of itself: other errors do not replace it. */
  #keepError(
    result: FetchResult,
    {
      verdict,
      isBlock,
      delay,
    }: {
      readonly verdict: OriginVerdict | undefined;
      readonly isBlock: boolean;
      readonly delay: RequestedDelay | undefined;
    },
  ): void {
    const isRefusal = verdict === 'refused' || isBlock;
    const isFault = verdict === 'down' || verdict === 'error';
    if (isRefusal || (isFault && !this.isRefusal)) {
      this.#report = { ...this.#report, lastError: originErrorOf(result, delay) };
    }
  }

  /** A timeout says nothing of the origin if a fetch that started later has succeeded. */
  #verdictOn(result: FetchResult, isRefusal: boolean): OriginVerdict | undefined {
    const isOutdated = isTimeout(result) && result.startedAt < this.#okStartedAt;
    return isOutdated ? undefined : originVerdictOf(result, isRefusal);
  }
}

function isTimeout(result: FetchResult): boolean {
  return result.kind === 'failure' && result.outcome === 'timeout';
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
