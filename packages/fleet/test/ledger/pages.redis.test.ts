import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { BatchRemoval, Ledger, type Settlement } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

async function setUp(total: number) {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys);
  await ledger.register(registration('p', total));
  await ledger.expanded('p');
  return { redis, keys, ledger };
}

function page(index: number, number: number): Settlement {
  return { index, outcome: 'ok', durationMs: 10, bytes: 100, page: { cursor: `${number} {}` } };
}

function lastPage(index: number, outcome: Settlement['outcome'] = 'ok'): Settlement {
  return { index, outcome, durationMs: 10, bytes: 100, page: { keepsCursor: outcome !== 'ok' } };
}

describe('a fetch with pages', () => {
  it('is settled with its last page, and has a cursor until then', async () => {
    const { ledger } = await setUp(2);
    expect(await ledger.cursors('p', [0, 1])).toEqual([null, null]);
    expect(await ledger.settle('p', [page(0, 1), page(1, 1), page(0, 2)])).toMatchObject({
      settled: 0,
    });
    expect(await ledger.cursors('p', [1, 0])).toEqual(['1 {}', '2 {}']);
    expect(await ledger.status('p')).toMatchObject({ settled: 0, pages: 3, bytes: 300 });
    expect(await ledger.settle('p', [lastPage(0), lastPage(1)])).toEqual({
      settled: 2,
      finished: true,
    });
    expect(await ledger.cursors('p', [0, 1])).toEqual([null, null]);
    const counts = { ok: 2, pages: 5, bytes: 500, durationSumMs: 50, state: 'finished' };
    expect(await ledger.status('p')).toMatchObject(counts);
  });

  it('never goes back, and counts no page twice', async () => {
    const { ledger } = await setUp(2);
    await ledger.settle('p', [page(0, 1), page(0, 2)]);
    await ledger.settle('p', [page(0, 2), page(0, 1)]);
    expect(await ledger.cursors('p', [0])).toEqual(['2 {}']);
    await ledger.settle('p', [lastPage(0)]);
    await ledger.settle('p', [page(0, 9), lastPage(0)]);
    expect(await ledger.cursors('p', [0])).toEqual([null]);
    expect(await ledger.status('p')).toMatchObject({ settled: 1, pages: 3, bytes: 300 });
  });

  it('goes on where it failed when it is retried, and begins anew when its records are lost', async () => {
    const { ledger } = await setUp(1);
    await ledger.settle('p', [page(0, 1), lastPage(0, 'timeout')]);
    expect(await ledger.status('p')).toMatchObject({ failed: 1, pages: 1, state: 'finished' });
    expect(await ledger.retry('p')).toBe(1);
    expect(await ledger.cursors('p', [0])).toEqual(['1 {}']);
    await ledger.settle('p', [page(0, 2), lastPage(0, 'timeout')]);
    expect(await ledger.unsettle('p', [0])).toBe(1);
    expect(await ledger.cursors('p', [0])).toEqual([null]);
  });

  it('keeps its cursor when its batch is cancelled, and loses it when that is removed', async () => {
    const { redis, keys, ledger } = await setUp(1);
    await ledger.settle('p', [page(0, 1)]);
    await ledger.cancel('p');
    expect(await ledger.cursors('p', [0])).toEqual(['1 {}']);
    expect(await new BatchRemoval(redis, keys).begin('p')).toBe(true);
    expect(await redis.exists(keys.pages('p'))).toBe(0);
  });

  it('is refused with a sentence where its cursors are something else', async () => {
    const { redis, keys, ledger } = await setUp(1);
    await redis.set(keys.pages('p'), 'x');
    await expect(ledger.cursors('p', [0])).rejects.toThrow(/batch p has another type in Redis/);
  });
});
