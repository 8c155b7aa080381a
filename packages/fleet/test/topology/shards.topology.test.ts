import { closeAfterEach, startRedisCluster } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { connectRedis, fleetKeys, SliceClaims, SliceQueue } from '../../src/index.ts';
import { rethrow, sliceOf } from '../fixture.ts';

closeAfterEach();

it('a master that hangs keeps only its own shard from being claimed', async () => {
  const settings = { 'cluster-require-full-coverage': 'no' };
  const cluster = await startRedisCluster({ settings });
  const redis = await connectRedis(cluster.url);
  const keys = fleetKeys('t', 3);
  const queue = new SliceQueue(redis, keys);
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await claims.start();
  await queue.add([0, 2, 4, 6].map((first) => sliceOf('b', first, 2)));
  await queue.add([0, 2, 4, 6].map((first) => sliceOf('b-s2', first, 2)));
  const hanging = await cluster.masterOf(keys.batch('b-s1'));
  hanging.server.freeze();
  const startedAt = performance.now();
  const ids: string[] = [];
  while (ids.length < 8) {
    const slice = await claims.claim({ block: false });
    if (slice !== undefined) {
      ids.push(slice.id);
      await slice.complete();
    }
  }
  // Before anybody takes the node for dead.
  expect(performance.now() - startedAt).toBeLessThan(2_500);
  expect(ids.filter((id) => id.startsWith('b-s2.'))).toHaveLength(4);
  hanging.server.thaw();
  await queue.add([sliceOf('b-s1', 0, 2)]);
  let last = await claims.claim();
  while (last === undefined) {
    last = await claims.claim();
  }
  expect(last.id).toBe('b-s1.0');
  await last.complete();
  await claims.stop();
  await queue.stop();
  redis.disconnect();
  await cluster.dispose();
});
