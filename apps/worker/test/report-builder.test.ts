import type { FetchResult } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { ReportBuilder } from '../src/report-builder.ts';

function builder(): ReportBuilder {
  return new ReportBuilder(60_000, () => undefined);
}

function answer(durationMs: number): FetchResult {
  const timing = { startedAt: 0, durationMs };
  return { kind: 'response', status: 200, headers: {}, body: Buffer.alloc(0), ...timing };
}

describe('a report', () => {
  it('tells what most have taken, however long a few of them hung', () => {
    const report = builder();
    for (const ms of [100, 30_000, 110, 90, 105]) report.add(answer(ms));
    expect(report.take()).toMatchObject({ ended: 5, ok: 5, durationMs: 30_405, typicalMs: 105 });
    expect(report.take()).toMatchObject({ ended: 0, typicalMs: 0 });
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
