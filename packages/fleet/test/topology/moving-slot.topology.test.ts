import { closeAfterEach, startRedisCluster } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { connectRedis, fleetKeys, Ledger } from '../../src/index.ts';
import { registration } from '../fixture.ts';

closeAfterEach();

it('a script waits while its slot moves, and does all of its work or none', async () => {
  const cluster = await startRedisCluster();
  const redis = await connectRedis(cluster.url);
  const keys = fleetKeys('t');
  const ledger = new Ledger(redis, keys);
  await ledger.register(registration('b', 10));
  const fetched = { durationMs: 1, bytes: 1 };
  await ledger.settle('b', [{ index: 0, outcome: 'http-error', ...fetched }]);
  const from = await cluster.masterOf(keys.batch('b'));
  const [to = from] = await cluster.mastersOtherThan(from);
  const endMove = await cluster.beginToMoveSlotOf(keys.batch('b'), to);
  // There is no bitmap of this outcome yet: whether it is at the other node, Redis does not know.
  const settled = ledger.settle('b', [{ index: 1, outcome: 'timeout', ...fetched }]);
  await expect(Promise.race([settled, redis.ping()])).resolves.toBe('PONG');
  await endMove();
  expect(await settled).toEqual({ settled: 1, finished: false });
  expect(await ledger.status('b')).toMatchObject({
    settled: 2,
    failed: 2,
    outcomes: { 'http-error': 1, timeout: 1 },
  });
  redis.disconnect();
  await cluster.dispose();
});
