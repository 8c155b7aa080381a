import { type FetchResult, requestedDelayOf } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { ReportBuilder } from '../../src/origin/report-builder.ts';

function builder(): ReportBuilder {
  return new ReportBuilder(() => undefined);
}

function add(report: ReportBuilder, result: FetchResult): void {
  report.add(result, requestedDelayOf(result, 0, 60_000));
}

function answer(durationMs: number, startedAt = 0): FetchResult {
  const timing = { startedAt, durationMs };
  return { kind: 'response', status: 200, headers: {}, body: Buffer.alloc(0), ...timing };
}

function withStatus(status: number, headers: Record<string, string> = {}): FetchResult {
  return { kind: 'response', status, headers, body: Buffer.alloc(0), startedAt: 0, durationMs: 5 };
}

function timeout(startedAt: number): FetchResult {
  const failure = {
    outcome: 'timeout' as const,
    code: 'FETCH_TIMEOUT',
    message: 'no answer',
    bytes: 0,
  };
  return { kind: 'failure', ...failure, startedAt, durationMs: 30_000 };
}

describe('a report', () => {
  it('names the median duration, however long a few fetches hung', () => {
    const report = builder();
    for (const ms of [100, 30_000, 110, 90, 105]) {
      add(report, answer(ms));
    }
    expect(report.take()).toMatchObject({ ended: 5, ok: 5, durationMs: 30_405, typicalMs: 105 });
    expect(report.take()).toMatchObject({ ended: 0, typicalMs: 0 });
  });

  it('counts timeouts as failures unless a fetch that started later has succeeded', () => {
    const report = builder();
    add(report, answer(100, 5_000));
    for (const startedAt of [1_000, 2_000]) {
      add(report, timeout(startedAt));
    }
    expect(report.isUrgent).toBe(false);
    expect(report.take()).toMatchObject({ ended: 3, ok: 1, timeouts: 2, failures: 0 });
    for (const startedAt of [4_000, 6_000, 7_000]) {
      add(report, timeout(startedAt));
    }
    expect(report.isUrgent).toBe(true);
    expect(report.take()).toMatchObject({ ended: 3, ok: 0, timeouts: 3, failures: 2 });
  });

  it('says what went wrong last; a refusal comes first, and a failing URL does not count', () => {
    const report = builder();
    add(report, answer(100));
    add(report, withStatus(404));
    expect(report.take().lastError).toBe('');
    add(report, timeout(1_000_000));
    expect(report.take().lastError).toBe('did not answer in time');
    add(report, withStatus(429, { 'retry-after': '30' }));
    add(report, withStatus(500));
    const taken = report.take();
    expect(taken.lastError).toBe('answered 429, Retry-After 30 s');
    report.putBack(taken);
    expect(report.take().lastError).toBe('answered 429, Retry-After 30 s');
    expect(report.take().lastError).toBe('');
  });

  it('is a refusal after a 429, and not after a 500', () => {
    const report = builder();
    add(report, withStatus(500));
    expect([report.isUrgent, report.isRefusal]).toEqual([false, false]);
    add(report, withStatus(429));
    expect([report.isUrgent, report.isRefusal]).toEqual([true, true]);
    report.take();
    expect(report.isRefusal).toBe(false);
  });

  it('tells answers with an error, and the different URLs behind them, from an origin that is down', () => {
    const report = builder();
    report.add(timeout(0));
    report.add(withStatus(500), undefined, true);
    report.add(withStatus(500), undefined, false);
    expect(report.take()).toMatchObject({ ok: 0, failures: 0, errors: 2, errorUrls: 1 });
    report.add(withStatus(500), undefined, true);
    report.add(withStatus(404), undefined, true);
    report.add(withStatus(500), undefined, true);
    const lost = report.take();
    expect(lost).toMatchObject({ ok: 1, errors: 2, errorUrls: 1 });
    report.add(withStatus(500), undefined, true);
    report.putBack(lost);
    expect(report.take()).toMatchObject({ ok: 1, errors: 3, errorUrls: 2 });
  });

  it('keeps the longest block that was asked for, up to the limit', () => {
    const clamped: number[] = [];
    const report = new ReportBuilder((maxMs) => {
      clamped.push(maxMs);
    });
    for (const seconds of ['5', '100', '20']) {
      add(report, withStatus(429, { 'retry-after': seconds }));
    }
    expect(report.take()).toMatchObject({ refused: 3, blockMs: 60_000 });
    expect(clamped).toEqual([60_000]);
  });

  it('that did not reach the gate is added to the next one', () => {
    const report = builder();
    for (const ms of [100, 100, 100]) {
      add(report, answer(ms));
    }
    const lost = report.take();
    add(report, answer(900));
    report.putBack(lost);
    expect(report.take()).toMatchObject({ ended: 4, durationMs: 1_200, typicalMs: 100 });
  });
});
