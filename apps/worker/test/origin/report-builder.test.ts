import { type FetchResult, requestedDelayOf } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { ReportBuilder } from '../../src/origin/report-builder.ts';

function builder(): ReportBuilder {
  return new ReportBuilder(() => undefined);
}

function answer(durationMs: number, startedAt = 0): FetchResult {
  const timing = { startedAt, durationMs };
  return { kind: 'response', status: 200, headers: {}, body: Buffer.alloc(0), ...timing };
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
  it('tells what most have taken, however long a few of them hung', () => {
    const report = builder();
    for (const ms of [100, 30_000, 110, 90, 105]) report.add(answer(ms));
    expect(report.take()).toMatchObject({ ended: 5, ok: 5, durationMs: 30_405, typicalMs: 105 });
    expect(report.take()).toMatchObject({ ended: 0, typicalMs: 0 });
  });

  it('counts timeouts as failures unless a younger fetch has succeeded', () => {
    const report = builder();
    report.add(answer(100, 5_000));
    for (const startedAt of [1_000, 2_000]) report.add(timeout(startedAt));
    expect(report.isUrgent).toBe(false);
    expect(report.take()).toMatchObject({ ended: 3, ok: 1, timeouts: 2, failures: 0 });
    for (const startedAt of [4_000, 6_000, 7_000]) report.add(timeout(startedAt));
    expect(report.isUrgent).toBe(true);
    expect(report.take()).toMatchObject({ ended: 3, ok: 0, timeouts: 3, failures: 2 });
  });

  it('takes back what was promised where the origin says "not now", and not for a failure', () => {
    const report = builder();
    report.add({ ...answer(5), kind: 'response', status: 500, headers: {}, body: Buffer.alloc(0) });
    expect([report.isUrgent, report.isObjection]).toEqual([true, false]);
    const refusal: FetchResult = {
      ...answer(5),
      kind: 'response',
      status: 429,
      headers: {},
      body: Buffer.alloc(0),
    };
    report.add(refusal, requestedDelayOf(refusal, Date.now(), 60_000));
    expect([report.isUrgent, report.isObjection]).toEqual([true, true]);
    report.take();
    expect(report.isObjection).toBe(false);
  });

  it('that could not be told counts with the next one', () => {
    const report = builder();
    for (const ms of [100, 100, 100]) report.add(answer(ms));
    const lost = report.take();
    report.add(answer(900));
    report.putBack(lost);
    expect(report.take()).toMatchObject({ ended: 4, durationMs: 1_200, typicalMs: 100 });
  });
});
