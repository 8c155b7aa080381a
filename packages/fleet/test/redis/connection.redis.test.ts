import {
  closeResources,
  eventually,
  freePort,
  installLeakGuard,
  openResources,
  redisUrl,
  startRedis,
  trackRedis,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  connectRedis,
  openRedis,
  RedisRefusedError,
  RedisUnfitError,
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

  it('fails at once where Redis refuses the password or has no such database', async () => {
    const server = await startRedis();
    const { port } = server;
    const admin = await connectRedis(server.url);
    await admin.config('SET', 'requirepass', 'right');
    // Nobody waits that long: without a refusal, these would outlast the test.
    const patient = { timeoutMs: 3_600_000 };
    for (const url of [`redis://127.0.0.1:${port}`, `redis://:wrong@127.0.0.1:${port}`]) {
      const failure = connectRedis(url, patient);
      await expect(failure).rejects.toThrow(RedisRefusedError);
      await expect(failure).rejects.toThrow(/refuses the user or the password/);
    }
    const failure = connectRedis(`redis://:right@127.0.0.1:${port}/99`, patient);
    await expect(failure).rejects.toThrow(RedisUrlError);
    await expect(failure).rejects.toThrow(/DB index is out of range/);
    const redis = await connectRedis(`redis://:right@127.0.0.1:${port}/7`, patient);
    await redis.set('here', 1);
    expect(await admin.info('keyspace')).toMatch(/db7:keys=1/);
    redis.disconnect();
    admin.disconnect();
    await server.dispose();
  });

  it('fails at once where the address says another kind of Redis than there is', async () => {
    const { host } = new URL(redisUrl());
    // Nobody waits that long: without a refusal, these would outlast the test.
    const patient = { timeoutMs: 3_600_000 };
    const kinds = [
      [`redis+cluster://${host}`, /is no cluster: REDIS_URL must be redis:/],
      [`redis+sentinel://${host}/main`, /is no Sentinel: REDIS_URL must be redis:/],
    ] as const;
    for (const [url, sentence] of kinds) {
      const failure = connectRedis(url, patient);
      await expect(failure).rejects.toThrow(RedisUnfitError);
      await expect(failure).rejects.toThrow(sentence);
    }
  });

  it('says why no node of a cluster can be reached', async () => {
    const failure = connectRedis(`redis+cluster://127.0.0.1:${await freePort()}`, {
      timeoutMs: 300,
    });
    await expect(failure).rejects.toThrow(RedisUnreachableError);
    await expect(failure).rejects.toThrow(/ECONNREFUSED/);
  });

  it('is not in another database while the one that was named is refused', async () => {
    const server = await startRedis();
    const errors: Error[] = [];
    const redis = openRedis(`${server.url}/99`, (error) => errors.push(error));
    redis.set('lost', 1).catch(() => undefined); // it waits for its database
    const admin = await connectRedis(server.url);
    await eventually(() => errors.length >= 3);
    expect(await admin.dbsize()).toBe(0);
    redis.disconnect();
    admin.disconnect();
    await server.dispose();
  });

  it('connects anew when Redis has become a replica', async () => {
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    const redis = await connectRedis(server.url);
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    const before = await redis.client('ID');
    await expect(redis.set('key', 1)).rejects.toThrow(/READONLY/);
    await expect(redis.eval("return redis.call('SET', KEYS[1], 1)", 1, 'key')).rejects.toThrow(
      /READONLY/,
    );
    await admin.call('REPLICAOF', 'NO', 'ONE');
    expect(await redis.client('ID')).not.toBe(before);
    expect(await redis.set('key', 1)).toBe('OK');
    redis.disconnect();
    admin.disconnect();
    await server.dispose();
  });
});

describe('a client of a test whose Redis has died', () => {
  it('is closed with the others, or it would try to reconnect for ever', async () => {
    const server = await startRedis();
    const redis = await connectRedis(server.url);
    const what = `client of ${server.url}`;
    trackRedis(redis, what);
    await server.kill();
    await eventually(() => redis.status === 'reconnecting');
    const own = openResources().filter((one) => one.what === what);
    expect(own).toHaveLength(1);
    await closeResources(own);
    expect(openResources().filter((one) => one.what === what)).toHaveLength(0);
    await server.dispose();
  });
});
