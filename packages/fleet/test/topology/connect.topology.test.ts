import {
  certificateFiles,
  closeAfterEach,
  freePort,
  startRedisCluster,
  startRedisSentinels,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  checkRedis,
  checkWrites,
  connectRedis,
  fleetKeys,
  parseRedisUrl,
  type RedisAddress,
  RedisRefusedError,
  RedisUnfitError,
  RedisUrlError,
} from '../../src/index.ts';
import { mastersOf } from '../../src/redis/servers.ts';

closeAfterEach();

const keys = fleetKeys('t');
/** As docs/operations.md and docs/redis.md name them. */
const RIGHTS = (
  '~{t}:* ~t:* &{t}:* +@read +@write +@pubsub +@scripting +@connection +@transaction -@dangerous ' +
  '+info +time +cluster|slots +cluster|info'
).split(' ');
/** Longer than any of this takes on a busy machine. */
const PATIENT = { timeoutMs: 20_000 };

/** Connects as a worker does before it starts; whatever is wrong is thrown. */
async function use(address: string | RedisAddress): Promise<string[]> {
  const redis = await connectRedis(address, PATIENT);
  try {
    const check = { redis, keys, place: 'here' };
    const warnings = await checkRedis(check);
    await checkWrites(check);
    // Keys of several slots, in one tick.
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => redis.set(`t:x${n}`, n, 'PX', 1_000)),
    );
    return warnings;
  } finally {
    redis.disconnect();
  }
}

describe('a cluster', () => {
  it('is used through any of its nodes, and looked at as a whole', async () => {
    const cluster = await startRedisCluster();
    const [first, second, third] = cluster.nodes;
    const ports = [await freePort(), third?.server.port];
    expect(
      await use(`redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`),
    ).toEqual([]);
    const admin = await connectRedis(second?.server.url ?? '');
    await admin.config('SET', 'appendonly', 'no');
    expect(await use(cluster.url)).toEqual([expect.stringMatching(/append-only/)]);
    const plain = use(first?.server.url ?? '');
    await expect(plain).rejects.toThrow(RedisUnfitError);
    await expect(plain).rejects.toThrow(/REDIS_URL must be redis\+cluster:\/\/HOST:PORT/);
    await Promise.all(
      cluster.nodes.map(async ({ server }) => {
        const node = await connectRedis(server.url);
        await node.call('ACL', 'SETUSER', 'fleet', 'on', '>pw', ...RIGHTS);
        node.disconnect();
      }),
    );
    expect(await use(cluster.url.replace('//', '//fleet:pw@'))).toHaveLength(1);
    await admin.config('SET', 'requirepass', 'right');
    const login = use(`redis+cluster://:wrong@127.0.0.1:${second?.server.port}`);
    await expect(login).rejects.toThrow(RedisRefusedError);
    await expect(login).rejects.not.toThrow(/wrong@|:right/);
    admin.disconnect();
    await cluster.dispose();
  });

  it('may have certificates for the name in the URL, while its nodes name each other by address', async () => {
    const folder = await temporaryFolder();
    const tls = await certificateFiles(folder.path, 'DNS:localhost');
    const cluster = await startRedisCluster({ tls, settings: { 'tls-cluster': 'yes' } });
    const url = `rediss+cluster://localhost:${cluster.tlsPorts[0]}`;
    expect(await use(parseRedisUrl(url, { ca: tls.cert }))).toEqual([]);
    const other = url.replace('localhost', '127.0.0.1');
    const failure = connectRedis(parseRedisUrl(other, { ca: tls.cert }), { timeoutMs: 2_000 });
    await expect(failure).rejects.toThrow(/cannot be reached.*certificate/s);
    await cluster.dispose();
    await folder.remove();
  });

  it('may announce addresses that are reached elsewhere', async () => {
    const cluster = await startRedisCluster();
    const natMap = cluster.nodes
      .map(({ server: { port } }) => `127.0.0.1:${port}=localhost:${port}`)
      .join(',');
    const redis = await connectRedis(parseRedisUrl(cluster.url, { natMap }));
    await Promise.all(['a', 'b', 'c'].map(async (key) => redis.set(key, 1)));
    expect(mastersOf(redis).map(({ options }) => options.host)).toEqual(
      cluster.nodes.map(() => 'localhost'),
    );
    redis.disconnect();
    await cluster.dispose();
  });
});

describe('a master behind Sentinels', () => {
  it('is found by its name, and what is wrong is told in a sentence', async () => {
    const sentinels = await startRedisSentinels({ sentinelPassword: 'right' });
    const [port] = sentinels.ports;
    const url = `redis+sentinel://127.0.0.1:${port}/${sentinels.name}`;
    const login = { sentinelPassword: 'right' };
    expect(await use(parseRedisUrl(url, login))).toEqual([]);
    for (const sentinelPassword of ['wrong', '']) {
      const failure = use(parseRedisUrl(url, { sentinelPassword }));
      await expect(failure).rejects.toThrow(RedisRefusedError);
      await expect(failure).rejects.toThrow(/REDIS_SENTINEL_PASSWORD/);
    }
    const unknown = use(parseRedisUrl(`redis+sentinel://127.0.0.1:${port}/other`, login));
    await expect(unknown).rejects.toThrow(RedisUrlError);
    await expect(unknown).rejects.toThrow(/a master that the Sentinels at .* do not watch/);
    const plain = use(`redis://:right@127.0.0.1:${port}`);
    await expect(plain).rejects.toThrow(RedisUnfitError);
    await expect(plain).rejects.toThrow(/redis\+sentinel:\/\/HOST:PORT\/NAME/);
    await sentinels.dispose();
  });

  it('is reached by TLS, as the Sentinels are', async () => {
    const folder = await temporaryFolder();
    const tls = await certificateFiles(folder.path, 'DNS:localhost');
    const sentinels = await startRedisSentinels({ tls });
    const hosts = sentinels.tlsPorts.map((port) => `localhost:${port}`).join(',');
    const url = `rediss+sentinel://${hosts}/${sentinels.name}`;
    expect(await use(parseRedisUrl(url, { ca: tls.cert }))).toEqual([]);
    await sentinels.dispose();
    await folder.remove();
  });
});
