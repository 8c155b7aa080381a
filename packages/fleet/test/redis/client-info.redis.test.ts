import { once } from 'node:events';
import { closeAfterEach, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { RedisConnection } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  checkRedis,
  checkWrites,
  connectRedis,
  fleetKeys,
  lackedPermissions,
  readRedisInfo,
} from '../../src/index.ts';
import { infoOfHello } from '../../src/redis/client-info.ts';

closeAfterEach();
afterEach(() => void jest.restoreAllMocks());

const keys = fleetKeys('t');
const RULES = '~{t}:* ~t:* &{t}:* +@all -@admin -@dangerous';

/** As a user without `INFO`, and as one of a Redis that has no such command. */
const withheld: [string, () => Promise<{ server: PrivateRedis; url: string }>][] = [
  [
    'a user who may not run it',
    async () => {
      const server = await startRedis();
      const admin = await connectRedis(server.url);
      await admin.call('ACL', 'SETUSER', 'u', 'on', '>pw', ...RULES.split(' '));
      admin.disconnect();
      return { server, url: `redis://u:pw@127.0.0.1:${server.port}` };
    },
  ],
  [
    'a Redis that has none',
    async () => {
      const server = await startRedis({ settings: { 'rename-command INFO': '' } });
      return { server, url: server.url };
    },
  ],
];

describe.each(withheld)('without INFO: %s', (_, open) => {
  it('clients, their copies and BullMQ know the version, and print nothing', async () => {
    const { server, url } = await open();
    const print = jest.spyOn(console, 'warn').mockReturnValue();
    const redis = await connectRedis(url);
    const copy = redis.duplicate();
    const bullmq = new RedisConnection(copy, { blocking: false });
    expect(await versionOf(copy)).toMatch(/^\d+\.\d+\.\d+$/);
    await bullmq.client;
    expect(bullmq.redisVersion).toBe(await versionOf(copy));
    expect(print).not.toHaveBeenCalled();
    // What fleets ask of it.
    const check = { redis, keys, place: 'here' };
    expect(await checkRedis(check)).toEqual([]);
    await checkWrites(check);
    expect(await lackedPermissions(redis, keys)).toEqual({ commands: [], patterns: [] });
    const info = await readRedisInfo(redis, 'here');
    expect([info.get('redis_mode'), info.get('role')]).toEqual(['standalone', 'master']);
    expect(info.has('used_memory')).toBe(false);
    copy.disconnect();
    redis.disconnect();
    await server.dispose();
  });
});

describe('a user who may not run INFO', () => {
  it('is refused once for each connection, and is asked again after that', async () => {
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    await admin.call('ACL', 'SETUSER', 'u', 'on', '>pw', ...RULES.split(' '));
    const redis = await connectRedis(`redis://u:pw@127.0.0.1:${server.port}`);
    for (let n = 0; n < 5; n += 1) {
      await redis.info('memory');
    }
    expect(await refusals(admin)).toBe(1);
    await admin.call('ACL', 'SETUSER', 'u', '+info');
    redis.disconnect(true);
    await once(redis, 'ready');
    expect(await redis.info()).toContain('used_memory:');
    redis.disconnect();
    admin.disconnect();
    await server.dispose();
  });
});

describe('what HELLO says', () => {
  it.each([
    [
      ['server', 'redis', 'version', '7.0.15', 'proto', 2, 'mode', 'cluster', 'role', 'replica'],
      'redis_version:7.0.15 redis_mode:cluster cluster_enabled:1 role:slave',
    ],
    [
      ['server', 'valkey', 'version', '8.0.1', 'mode', 'sentinel', 'role', 'master'],
      'valkey_version:8.0.1 redis_mode:sentinel cluster_enabled:0 role:master',
    ],
    [[], 'redis_version:6.2.0'],
  ])('is what INFO says: %j', (reply, info) => {
    expect(infoOfHello(reply).split('\r\n').join(' ')).toBe(info);
  });
});

async function versionOf(redis: Redis): Promise<string> {
  return /_version:(.*)/.exec(await redis.info())?.[1]?.trim() ?? '';
}

async function refusals(admin: Redis): Promise<number> {
  const reply = await admin.call('ACL', 'LOG');
  const entries = Array.isArray(reply) ? reply : [];
  return entries
    .map((entry: unknown) => (Array.isArray(entry) ? entry.map(String) : []))
    .reduce((sum, words) => sum + Number(words[words.indexOf('count') + 1]), 0);
}
