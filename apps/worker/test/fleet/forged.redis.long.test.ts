import {
  closeAfterEach,
  eventually,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { crawlFile, startFleet } from './fleet-fixture.ts';

closeAfterEach();

it('a batch whose plan was changed in Redis is rejected, and no other one', async () => {
  const origin = await startOrigin();
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  for (const id of ['forged', 'broken', 'typed', 'counted', 'honest']) {
    await fleet.enqueue(id, crawlFile(`${origin.url}/${id}/{n}`, 20));
  }
  const key = fleet.keys.batch('forged');
  const plan = JSON.parse((await fleet.redis.hget(key, 'plan')) ?? '') as Record<string, unknown>;
  await fleet.redis.hset(key, 'plan', JSON.stringify({ ...plan, network: undefined }));
  const politeness = { rate: { count: 'x', perMs: 'y' }, burst: {}, concurrency: -1 };
  const broken = JSON.stringify({ ...plan, politeness });
  await fleet.redis.hset(fleet.keys.batch('broken'), 'plan', broken);
  const typed = fleet.keys.batch('typed');
  await fleet.redis.del(typed);
  await fleet.redis.rpush(typed, 'x');
  await fleet.redis.hset(fleet.keys.batch('counted'), 'total', 'nan');
  const worker = await fleet.worker();
  await fleet.finished('honest');
  await worker.waitForLine(/the crawl in Redis is not valid: network.*invalid slice rejected/u);
  await worker.waitForLine(/the crawl in Redis is not valid: politeness.*invalid slice rejected/u);
  await worker.waitForLine(/batch typed has another type in Redis.*invalid slice rejected/u);
  await worker.waitForLine(
    /batch counted is not valid in Redis: its total.*invalid slice rejected/u,
  );
  await eventually(async () => expect((await fleet.queue.counts()).waiting).toBe(0));
  expect(origin.arrivals.filter(({ path }) => !path.startsWith('/honest/'))).toEqual([]);
  await fleet.redis.del(fleet.keys.batch('broken'), key, typed, fleet.keys.batch('counted'));
  // The worker goes on.
  await fleet.enqueue('later', crawlFile(`${origin.url}/later/{n}`, 5));
  expect(await fleet.finished('later')).toMatchObject({ settled: 5, ok: 5 });
});
