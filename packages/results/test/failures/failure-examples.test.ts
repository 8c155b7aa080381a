import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { findFailureExamples } from '@fetchfleet/results';
import { failedRecord, notFound, results, tooSlow } from './failed-records.ts';

closeAfterEach();

describe('findFailureExamples', () => {
  it('finds one failed record for each outcome, in any part', async () => {
    const dir = await results(
      failedRecord(0, 'ok') + failedRecord(1, 'timeout', tooSlow),
      failedRecord(2, 'timeout', tooSlow) + failedRecord(3, 'http-error', notFound),
    );
    const outcomes = new Set(['timeout', 'http-error'] as const);
    const examples = await findFailureExamples({ dir, batch: 'b', outcomes });
    expect(examples.get('timeout')).toMatchObject({ index: 1, error: tooSlow.error });
    expect(examples.get('http-error')).toMatchObject({ index: 3, status: 404 });
  });

  it('finds only the requested outcomes and skips damaged lines', async () => {
    const torn = failedRecord(0, 'timeout', tooSlow).slice(0, 60);
    const dir = await results(`garbage\n${torn}\n`, failedRecord(1, 'http-error', notFound));
    const outcomes = new Set(['timeout'] as const);
    expect(await findFailureExamples({ dir, batch: 'b', outcomes })).toEqual(new Map());
  });

  it('leaves out fetches that were fetched since', async () => {
    const dir = await results(
      failedRecord(1, 'timeout', tooSlow) + failedRecord(2, 'timeout', tooSlow),
      failedRecord(1, 'ok'),
    );
    const outcomes = new Set(['timeout'] as const);
    const examples = await findFailureExamples({
      dir,
      batch: 'b',
      outcomes,
      isFailed: (index, outcome) => index === 2 && outcome === 'timeout',
    });
    expect(examples.get('timeout')).toMatchObject({ index: 2 });
  });

  it('finds nothing and does not fail if there are no results', async () => {
    const outcomes = new Set(['timeout'] as const);
    const options = { dir: '/nonexistent', batch: 'b', outcomes };
    expect(await findFailureExamples(options)).toEqual(new Map());
  });
});
