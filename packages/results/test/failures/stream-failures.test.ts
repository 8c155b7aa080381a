import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { findFailures, reasonOf, streamFailures } from '@fetchfleet/results';
import { failedRecord as record, notFound, results, tooSlow } from './failed-records.ts';

closeAfterEach();

async function listed(dir: string, total = 10_000): Promise<string[]> {
  const lines: string[] = [];
  await streamFailures({
    dir,
    batch: 'b',
    total,
    // Some answers come at once and some later, as those of a stream that is full.
    onFailure: (failed) => {
      lines.push(`${failed.index} ${reasonOf(failed)}`);
      return lines.length % 2 === 0 ? undefined : Promise.resolve();
    },
  });
  return lines;
}

describe('streamFailures', () => {
  it('has each failed fetch once, in order, with the record that an export writes', async () => {
    const later = { startedAt: '2026-11-23T00:01:00.000Z' };
    const dir = await results(
      record(3, 'timeout', tooSlow) + record(1, 'ok') + record(0, 'http-error', notFound),
      record(3, 'http-error', { ...notFound, ...later }) +
        record(2, 'timeout', tooSlow) +
        record(2, 'ok') +
        record(7, 'timeout', { ...tooSlow, body: '"outcome":"ok"' }) +
        record(9, 'timeout', tooSlow).slice(0, 60),
    );
    expect(await listed(dir)).toEqual(['0 HTTP 404', '3 HTTP 404', '7 FETCH_TIMEOUT']);
    expect(await listed(dir, 5)).toEqual(['0 HTTP 404', '3 HTTP 404']);
  });

  it('joins lines that are cut between two pieces', async () => {
    const body = 'x'.repeat(700_000);
    const parts = Array.from({ length: 30 }, (_, at) =>
      record(29 - at, at % 3 === 0 ? 'ok' : 'timeout', { ...tooSlow, body }),
    );
    expect(await listed(await results(parts.join('')))).toHaveLength(20);
  });

  it('does not wait for its listener after an abort', async () => {
    const dir = await results(record(0, 'timeout', tooSlow));
    const abort = new AbortController();
    const onFailure = async (): Promise<void> => {
      abort.abort(new Error('enough'));
      await new Promise(() => undefined);
    };
    const { signal } = abort;
    const listing = streamFailures({ dir, batch: 'b', total: 5, onFailure, signal });
    await expect(listing).rejects.toThrow('enough');
  });

  it('ends with the error of its listener', async () => {
    const dir = await results(record(0, 'timeout', tooSlow) + record(1, 'timeout', tooSlow));
    const error = new Error('enough');
    const onFailure = (): never => {
      throw error;
    };
    const listing = streamFailures({ dir, batch: 'b', total: 5, onFailure });
    await expect(listing).rejects.toBe(error);
  });
});

it('groups count only failures that match, judged by the record that counts', async () => {
  const later = { startedAt: '2026-11-23T00:01:00.000Z' };
  const dir = await results(
    record(0, 'http-error', notFound) + record(1, 'http-error', notFound),
    record(1, 'timeout', { ...tooSlow, ...later }) + record(2, 'timeout', tooSlow),
  );
  const { groups } = await findFailures({
    dir,
    batch: 'b',
    total: 10,
    matches: ({ outcome }) => outcome === 'http-error',
  });
  expect(groups).toMatchObject([{ reason: 'HTTP 404', count: 1, example: { index: 0 } }]);
});
