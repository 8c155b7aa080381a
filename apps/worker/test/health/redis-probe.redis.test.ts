import { connectRedis, parseRedisUrl } from '@fetchfleet/fleet';
import { closeAfterEach, freePort, startRedis } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { redisTakesWrites } from '../../src/health/redis-probe.ts';

closeAfterEach();

it('a full Redis takes writes; a replica and a Redis that is away do not', async () => {
  const server = await startRedis();
  const admin = await connectRedis(server.url);
  const address = parseRedisUrl(server.url);
  await admin.config('SET', 'maxmemory', '1');
  await expect(admin.set('x', 'y')).rejects.toThrow('OOM');
  expect(await redisTakesWrites(address, 'probe')).toBe(true);
  await admin.config('SET', 'maxmemory', '0');
  await admin.replicaof('127.0.0.1', await freePort());
  expect(await redisTakesWrites(address, 'probe')).toBe(false);
  admin.disconnect();
  await server.dispose();
  expect(await redisTakesWrites(address, 'probe')).toBe(false);
});
