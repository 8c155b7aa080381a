import { closeAfterEach, eventually, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { connectRedis, EMPTY_REPORT, fleetKeys, Gate } from '../../src/index.ts';
import { freshFleet, plan } from '../fixture.ts';

closeAfterEach();

const { politeness } = plan;
const CALL = {
  inFlight: 0,
  want: 3,
  waiting: 3,
  report: EMPTY_REPORT,
  batches: [{ batch: 'b', politeness: { ...politeness, concurrency: 2 } }],
  arrivals: [],
  horizonMs: 50,
  leadMs: 1,
};

describe('exchanges of many origins at once', () => {
  it('are decided for each origin by itself, in few calls', async () => {
    const server = await startRedis();
    const redis = await connectRedis(server.url);
    const keys = fleetKeys();
    const gate = new Gate({ redis, keys, worker: 'w-1' });
    const other = new Gate({ redis, keys, worker: 'w-2' });
    const origins = Array.from({ length: 120 }, (_, i) => `http://h${i}.example`);
    await other.exchange(origins[7] ?? '', CALL);
    const answers = await Promise.all(origins.map(async (origin) => gate.exchange(origin, CALL)));
    // The first call of each finds that Redis does not know the script.
    const stats = await redis.info('commandstats');
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBeLessThan(10);
    expect(answers.map(({ granted }) => granted)).toEqual(origins.map((_, i) => (i === 7 ? 0 : 2)));
    const held = origins.map(async (origin) => redis.hexists(keys.gate(origin), 'lease:w-1'));
    expect(await Promise.all(held)).toEqual(origins.map((_, i) => (i === 7 ? 0 : 1)));
    redis.disconnect();
    await server.dispose();
  });

  it('come one after the other at an origin that comes twice, also a new one', async () => {
    const { redis, keys } = await freshFleet();
    const gate = new Gate({ redis, keys, worker: 'w-1' });
    const rate = { count: 1, perMs: 60_000 };
    const call = { ...CALL, batches: [{ batch: 'b', politeness: { ...politeness, rate } }] };
    const answers = await Promise.all(
      ['a', 'a'].map(async (host) => gate.exchange(`http://${host}.example`, call)),
    );
    expect(answers.map(({ granted }) => granted)).toEqual([1, 0]);
  });

  it('have calls of their own on a server in cluster mode, also with a plain client', async () => {
    const server = await startRedis({ settings: { 'cluster-enabled': 'yes' } });
    const redis = await connectRedis(server.url);
    await redis.cluster('ADDSLOTSRANGE', 0, 16_383);
    await eventually(async () => (await redis.cluster('INFO')).includes('cluster_state:ok'));
    const gate = new Gate({ redis, keys: fleetKeys(), worker: 'w-1' });
    const origins = Array.from({ length: 20 }, (_, i) => `http://h${i}.example`);
    for (const _ of ['at first', 'and from then on']) {
      const answers = await Promise.all(origins.map(async (origin) => gate.exchange(origin, CALL)));
      expect(answers.map(({ granted }) => granted)).toEqual(origins.map(() => 2));
    }
    redis.disconnect();
    await server.dispose();
  });

  it('fail alone where somebody has put something else in place of an origin', async () => {
    const { redis, keys } = await freshFleet();
    const gate = new Gate({ redis, keys, worker: 'w-1' });
    const [good, bad] = ['http://good.example', 'http://bad.example'];
    await redis.set(keys.gate(bad), 'text');
    const ends = await Promise.allSettled([bad, good].map(async (o) => gate.exchange(o, CALL)));
    expect(ends).toMatchObject([
      { status: 'rejected', reason: { code: 'GATE_FAILED' } },
      { status: 'fulfilled', value: { granted: 2 } },
    ]);
    expect(String((ends[0] as PromiseRejectedResult).reason)).toContain('WRONGTYPE');
  });
});
