import { closeAfterEach } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { BATCHES, batchOf, next, shardedFleet } from './shards-fixture.ts';

closeAfterEach();

it('slices come back from a dead worker in every shard', async () => {
  const { redis, keys, queue, claims, all, add, stop } = await shardedFleet({
    workers: ['w-1', 'w-2'],
  });
  await add(1);
  const lost = [await next(claims), await next(claims), await next(claims)];
  // As if it was killed: nobody renews its locks.
  await Promise.all(lost.map(async ({ id }) => redis.del(`${keys.slice(id)}:lock`)));
  const [, other = claims] = all;
  const again = [await next(other), await next(other), await next(other)];
  expect(again.map(batchOf).toSorted()).toEqual([...BATCHES]);
  expect(again.every(({ redeliveries }) => redeliveries === 1)).toBe(true);
  await Promise.all(again.map(async (slice) => slice.complete()));
  expect(await queue.counts()).toMatchObject({ active: 0, waiting: 0 });
  await stop();
});
