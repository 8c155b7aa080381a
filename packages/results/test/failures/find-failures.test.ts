import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { findFailures } from '@fetchfleet/results';
import { failedRecord as record, notFound, results, tooSlow } from './failed-records.ts';

closeAfterEach();

describe('findFailures', () => {
  it('groups by origin and reason, the most frequent first, with examples', async () => {
    const dir = await results(
      record(0, 'timeout', tooSlow) + record(1, 'ok') + record(2, 'http-error', notFound),
      record(3, 'http-error', { ...notFound, body: { outcome: 'ok' } }) +
        record(4, 'http-error', { ...notFound, url: 'https://b.example/4', status: 500 }),
    );
    const { groups } = await findFailures({ dir, batch: 'b', total: 10 });
    expect(groups).toEqual([
      {
        origin: 'https://a.example',
        outcome: 'http-error',
        reason: 'HTTP 404',
        count: 2,
        example: { index: 2, url: 'https://a.example/2', message: 'the origin answered 404' },
      },
      expect.objectContaining({ origin: 'https://a.example', reason: 'FETCH_TIMEOUT', count: 1 }),
      expect.objectContaining({ origin: 'https://b.example', reason: 'HTTP 500', count: 1 }),
    ]);
  });

  it('counts the record that an export writes: a success, or else the latest failure', async () => {
    const dir = await results(
      record(0, 'timeout', tooSlow) + record(1, 'timeout', tooSlow) + record(2, 'timeout', tooSlow),
      record(0, 'ok') +
        record(1, 'http-error', { ...notFound, startedAt: '2026-11-23T00:01:00.000Z' }) +
        record(2, 'http-error', { ...notFound, startedAt: '2026-11-22T00:00:00.000Z' }),
    );
    const { groups } = await findFailures({ dir, batch: 'b', total: 10 });
    expect(groups.map(({ reason, example }) => [reason, example?.index])).toEqual([
      ['HTTP 404', 1],
      ['FETCH_TIMEOUT', 2],
    ]);
  });

  it('takes a fetch with pages to have ended as its last page did', async () => {
    const page = (index: number, number: number, end?: string) => ({
      ...(end !== undefined && tooSlow),
      page: number,
      ...(end !== undefined && { end }),
      index,
    });
    const line = (index: number, outcome: string, fields: object): string => {
      const {
        batch,
        index: _,
        ...rest
      } = JSON.parse(record(index, outcome)) as Record<string, unknown>;
      return `${JSON.stringify({ batch, index, ...fields, ...rest })}\n`;
    };
    const dir = await results(
      line(0, 'ok', page(0, 1)) +
        line(0, 'timeout', page(0, 2, 'failed')) +
        line(1, 'ok', page(1, 1)) +
        line(1, 'timeout', page(1, 2, 'failed')) +
        line(1, 'ok', page(1, 2)) +
        line(1, 'ok', page(1, 3, 'no-next')),
    );
    const { groups } = await findFailures({ dir, batch: 'b', total: 10 });
    expect(groups).toMatchObject([{ outcome: 'timeout', count: 1, example: { index: 0 } }]);
  });

  it('skips lines that are torn, damaged, of another batch or beyond the total', async () => {
    const dir = await results(
      record(0, 'timeout', tooSlow) +
        '\0\0\0\n{"batch":"b","index":1,"params":{}\n' +
        record(7, 'timeout', tooSlow).replace('"batch":"b"', '"batch":"c"') +
        record(9, 'timeout', tooSlow) +
        record(2, 'timeout', tooSlow).slice(0, 80),
    );
    const { groups } = await findFailures({ dir, batch: 'b', total: 5 });
    expect(groups).toMatchObject([{ count: 1, example: { index: 0 } }]);
  });

  it('takes the first index of a record that has two', async () => {
    const line = record(2, 'timeout', tooSlow).replace('"worker"', '"index":1e12,"worker"');
    const { groups } = await findFailures({ dir: await results(line), batch: 'b', total: 5 });
    expect(groups).toMatchObject([{ count: 1, example: { index: 2 } }]);
  });

  it('reads records with bodies larger than a chunk', async () => {
    const body = 'x'.repeat(9_000_000);
    const dir = await results(
      record(0, 'http-error', { ...notFound, body }) + record(1, 'timeout', tooSlow),
    );
    const { groups } = await findFailures({ dir, batch: 'b', total: 10 });
    expect(groups.map(({ count }) => count)).toEqual([1, 1]);
  });
});
