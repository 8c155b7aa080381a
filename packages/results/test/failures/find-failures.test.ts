import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { closeAfterEach, temporaryFolder } from '@fetchfleet/testing';
import { findFailures } from '../../src/index.ts';

closeAfterEach();

function record(index: number, outcome: string, extra: Readonly<Record<string, unknown>> = {}) {
  return `${JSON.stringify({
    batch: 'b',
    index,
    params: { n: `},"url":"${index}` },
    url: `https://a.example/${index}`,
    outcome,
    attempts: 1,
    startedAt: '2026-11-23T00:00:00.000Z',
    durationMs: 1,
    bytes: 0,
    worker: 'w',
    ...extra,
  })}\n`;
}

const notFound = { status: 404, error: { code: 'HTTP_404', message: 'the origin answered 404' } };
const slow = { error: { code: 'FETCH_TIMEOUT', message: 'too slow' } };

async function results(...parts: readonly string[]): Promise<string> {
  const { path } = await temporaryFolder();
  await mkdir(join(path, 'b'));
  for (const [i, text] of parts.entries()) {
    await writeFile(join(path, 'b', `part-w-${i}.ndjson`), text);
  }
  return path;
}

describe('failures', () => {
  it('are grouped by origin and reason, the most frequent first, with an example each', async () => {
    const dir = await results(
      record(0, 'timeout', slow) + record(1, 'ok') + record(2, 'http-error', notFound),
      record(3, 'http-error', { ...notFound, body: { outcome: 'ok' } }) +
        record(4, 'http-error', { ...notFound, url: 'https://b.example/4', status: 500 }),
    );
    expect(await findFailures({ dir, batch: 'b' })).toEqual([
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

  it('are those of an export: a success wins, and of failures the latest', async () => {
    const dir = await results(
      record(0, 'timeout', slow) + record(1, 'timeout', slow) + record(2, 'timeout', slow),
      record(0, 'ok') +
        record(1, 'http-error', { ...notFound, startedAt: '2026-11-23T00:01:00.000Z' }) +
        record(2, 'http-error', { ...notFound, startedAt: '2026-11-22T00:00:00.000Z' }),
    );
    const groups = await findFailures({ dir, batch: 'b' });
    expect(groups.map(({ reason, example }) => [reason, example?.index])).toEqual([
      ['HTTP 404', 1],
      ['FETCH_TIMEOUT', 2],
    ]);
  });

  it('leave out lines that are torn, damaged, of another batch, or beyond its end', async () => {
    const dir = await results(
      record(0, 'timeout', slow) +
        '\0\0\0\n{"batch":"b","index":1,"params":{}\n' +
        record(7, 'timeout', slow).replace('"batch":"b"', '"batch":"c"') +
        record(9, 'timeout', slow) +
        record(2, 'timeout', slow).slice(0, 80),
    );
    const groups = await findFailures({ dir, batch: 'b', total: 5 });
    expect(groups).toMatchObject([{ count: 1, example: { index: 0 } }]);
  });

  it('may have bodies that are larger than what is read at once', async () => {
    const body = 'x'.repeat(9_000_000);
    const dir = await results(
      record(0, 'http-error', { ...notFound, body }) + record(1, 'timeout', slow),
    );
    const groups = await findFailures({ dir, batch: 'b' });
    expect(groups.map(({ count }) => count)).toEqual([1, 1]);
  });
});
