import { createServer } from 'node:net';
import { closeAfterEach, freePort, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  checkRedis,
  checkWrites,
  connectRedis,
  fleetKeys,
  RedisRefusedError,
} from '../../src/index.ts';

closeAfterEach();

const keys = fleetKeys('t');

describe('a Redis is looked at before a fleet works on it', () => {
  it('one that may lose data is told, with what to change', async () => {
    const server = await startRedis({ appendonly: true });
    const redis = await connectRedis(server.url);
    const check = { redis, keys, place: 'here' };
    expect(await checkRedis(check)).toEqual([]);
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await checkRedis(check)).toEqual([]); // nothing is deleted without a limit
    await redis.config('SET', 'maxmemory', '100mb');
    await redis.config('SET', 'appendonly', 'no');
    expect(await checkRedis(check)).toEqual([
      expect.stringMatching(/allkeys-lru.*noeviction/),
      expect.stringMatching(/append-only/),
    ]);
    redis.disconnect();
    await server.dispose();
  });

  it('one that does not permit writes or scripts is refused; a full one is not', async () => {
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    const refused: string[][] = [
      ['~other:*', '+@all'],
      ['~*', '+@all', '-set'],
      ['~*', '+@read'],
    ];
    for (const [n, rules] of refused.entries()) {
      await admin.call('ACL', 'SETUSER', `u${n}`, 'on', '>pw', '+@connection', '+info', ...rules);
      const redis = await connectRedis(`redis://u${n}:pw@127.0.0.1:${server.port}`);
      const check = { redis, keys, place: 'here' };
      await expect(checkWrites(check)).rejects.toThrow(RedisRefusedError);
      redis.disconnect();
    }
    await admin.config('SET', 'maxmemory', '1');
    const check = { redis: admin, keys, place: 'here' };
    await checkWrites(check); // workers work its queue off
    expect(await checkRedis(check)).toHaveLength(1);
    admin.disconnect();
    await server.dispose();
  });

  it.each([
    ['6.0.16', 'here is version 6.0.16: fetchfleet needs 6.2 or later'],
    ['5.0.3', 'here is version 5.0.3: fetchfleet needs 6.2 or later'],
    ['6.2.0', 'fit'],
    ['7.2.4', 'fit'],
    ['10.0.0', 'fit'],
  ])('version %s: %s', async (version, verdict) => {
    expect(await verdictOn(`redis_version:${version}`)).toContain(verdict);
  });

  it('a Sentinel is refused', async () => {
    expect(await verdictOn('redis_mode:sentinel')).toMatch(/^RedisUnfitError.*Sentinel/);
    expect(await verdictOn('redis_mode:standalone')).toBe('fit');
  });

  it('a node of a cluster is refused, unless it is the only shard', async () => {
    expect(await verdictOn('cluster_enabled:1', 'cluster_size:3')).toMatch(
      /^RedisUnfitError.*node/,
    );
    expect(await verdictOn('cluster_enabled:1', 'cluster_size:1')).toBe('fit');
  });
});

async function verdictOn(info: string, clusterInfo?: string): Promise<string> {
  const redis = await connectRedis(await imitate(info, clusterInfo));
  const verdict = await checkRedis({ redis, place: 'here' }).then(() => 'fit', String);
  redis.disconnect();
  return verdict;
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** A server that answers as a Redis of which no copy is at hand. */
async function imitate(info: string, clusterInfo = ''): Promise<string> {
  const answer = (command: string) => {
    if (/\r\nhello\r\n/i.test(command)) {
      return "-ERR unknown command 'HELLO'\r\n";
    }
    if (/\r\ncluster\r\n/i.test(command)) {
      return bulk(`${clusterInfo}\r\n`);
    }
    return /\r\ninfo\r\n/i.test(command) ? bulk(`${info}\r\n`) : '+OK\r\n';
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('close', () => server.close());
    socket.on('data', (data: Buffer) => {
      for (const command of data.toString().split(/(?=\*\d+\r\n)/)) {
        socket.write(answer(command));
      }
    });
  });
  const port = await freePort();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  return `redis://127.0.0.1:${port}`;
}
