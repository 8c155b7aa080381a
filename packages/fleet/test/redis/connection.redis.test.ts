import { freePort, installLeakGuard, redisUrl } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  connectRedis,
  parseRedisUrl,
  redactRedisUrl,
  RedisUnreachableError,
  RedisUrlError,
} from '../../src/index.ts';

installLeakGuard();

describe('connecting to Redis', () => {
  it('returns a client that answers', async () => {
    const redis = await connectRedis(redisUrl());
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('fails after the time-out with the address, without the password', async () => {
    const url = `redis://user:secret@127.0.0.1:${await freePort()}`;
    const failure = connectRedis(url, { timeoutMs: 300 });
    await expect(failure).rejects.toThrow(RedisUnreachableError);
    await expect(failure).rejects.toThrow(/\*\*\*@127\.0\.0\.1:\d+ cannot be reached/);
    await expect(failure).rejects.not.toThrow(/secret/);
  });

  it.each(['localhost:6379', 'http://localhost', '', 'redis//x'])(
    'refuses the address "%s" and names the allowed ones',
    (url) => {
      expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
      expect(() => parseRedisUrl(url)).toThrow(/redis:\/\/HOST:PORT/);
    },
  );

  it('reads the path of a Unix socket', () => {
    expect(parseRedisUrl('unix:///tmp/a%20b/redis.sock')).toEqual({ path: '/tmp/a b/redis.sock' });
  });

  it('hides user and password in messages', () => {
    expect(redactRedisUrl('redis://u:p@h:1/2')).toBe('redis://***@h:1/2');
    expect(redactRedisUrl('redis://h:1')).toBe('redis://h:1');
  });
});
