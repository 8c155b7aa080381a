import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Ledger, type Settlement } from '../../src/index.ts';
import { crawl, freshFleet, registration } from '../fixture.ts';

closeAfterEach();

const PLACES = {
  source: '/home/someone/projects/with a rather long path/crawls/of the week/test.yaml',
  fingerprint: 'ab12cd34ef560718293a4b5c6d7e8f90ab12cd34ef56071829304b5c6d7e8f90',
};

const settlements = (failed: readonly number[] = []): Settlement[] =>
  Array.from({ length: 10 }, (_, index) => ({
    index,
    outcome: failed.includes(index) ? 'timeout' : 'ok',
    durationMs: 12.5,
    bytes: 1_234,
  }));

async function finishedBatch(failed: readonly number[] = []) {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys);
  const id = 'countries-20260714-101530-4f2a';
  await ledger.register({ ...registration(id, 10), ...PLACES });
  await ledger.open(id, '/home/someone/projects/results of all the fleets in this house');
  await ledger.expanded(id);
  const before = await ledger.status(id);
  await ledger.settle(id, settlements(failed));
  return { redis, keys, ledger, id, before };
}

describe('a finished batch', () => {
  it('of ten fetches keeps less than a kilobyte in Redis', async () => {
    const { redis, keys } = await finishedBatch();
    const own = await redis.keys(`${keys.home.queuePrefix}:batch:*`);
    const sizes = await Promise.all(own.map(async (key) => redis.memory('USAGE', key)));
    expect(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)).toBeLessThan(1_000);
  });

  it('still has its status, its crawl and its plan', async () => {
    const { ledger, id, before } = await finishedBatch();
    expect(await ledger.status(id)).toMatchObject({
      name: before?.name,
      source: PLACES.source,
      fingerprint: PLACES.fingerprint,
      results: before?.results,
      sliceSize: before?.sliceSize,
      state: 'finished',
      settled: 10,
    });
    expect(await ledger.crawl(id)).toEqual(crawl);
    expect(await ledger.open(id, '/other')).toMatchObject({ state: 'finished', plan: crawl.plan });
  });

  it('is as it was before when its failures are fetched again, also for version 0.1', async () => {
    const { redis, keys, ledger, id, before } = await finishedBatch([3, 4]);
    expect(await ledger.retry(id, ['too-large'])).toBe(0);
    expect(await redis.exists(keys.packed(id))).toBe(1);
    expect(await ledger.retry(id)).toBe(2);
    expect(await redis.exists(keys.packed(id))).toBe(0);
    expect(JSON.parse((await redis.hget(keys.batch(id), 'plan')) ?? '')).toEqual(crawl.plan);
    expect(await ledger.status(id)).toMatchObject({
      name: before?.name,
      source: PLACES.source,
      sliceSize: before?.sliceSize,
      state: 'expanding',
      settled: 8,
    });
    await ledger.expanded(id);
    await ledger.settle(id, settlements());
    expect(await redis.exists(keys.packed(id))).toBe(1);
    expect(await ledger.status(id)).toMatchObject({ state: 'finished', ok: 10, retries: 1 });
  });

  it('is found by all of several programs that retry it at once', async () => {
    const { ledger, id } = await finishedBatch([0, 9]);
    const cleared = await Promise.all([1, 2, 3].map(async () => ledger.retry(id)));
    expect(cleared.toSorted((a = 0, b = 0) => a - b)).toEqual([0, 0, 2]);
    expect(await ledger.crawl(id)).toEqual(crawl);
  });
});
