import { eventually, closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Gate } from '../src/index.ts';
import { freshFleet, plan, rethrow } from './fixture.ts';

closeAfterEach();

const origin = 'http://origin.example';
const { politeness } = plan; // concurrency: 4

async function gates(count: number) {
  const { redis, keys } = await freshFleet();
  const list = Array.from(
    { length: count },
    (_, i) => new Gate({ redis, keys, worker: `w-${i}`, onError: rethrow }),
  );
  return { redis, keys, list };
}

describe('the gate', () => {
  it('admits no more than the limit over all workers', async () => {
    const { list } = await gates(3);
    const granted = await Promise.all(list.map(async (gate) => gate.admit(origin, 3, politeness)));
    expect(granted.reduce((a, b) => a + b)).toBe(4);
    expect(await list[0]?.admit(origin, 1, politeness)).toBe(0);
    await Promise.all(list.map(async (gate) => gate.stop()));
  });

  it('lets another worker have what one has given back', async () => {
    const { list } = await gates(2);
    const [a, b] = list;
    expect(await a?.admit(origin, 10, politeness)).toBe(4);
    expect(await b?.admit(origin, 10, politeness)).toBe(0);
    a?.release(origin, 5, politeness);
    a?.release(origin, 5, politeness);
    await eventually(async () => expect(await b?.admit(origin, 1, politeness)).toBe(1));
    expect(await b?.admit(origin, 5, politeness)).toBe(1);
    await Promise.all(list.map(async (gate) => gate.stop()));
  });

  it('shares one answer among askers that come together', async () => {
    const { list } = await gates(1);
    const [gate] = list;
    const asks = [1, 2, 3].map(async (want) => gate?.admit(origin, want, politeness));
    expect(await Promise.all(asks)).toEqual([1, 2, 1]);
    await gate?.stop();
  });

  it('frees the permits of a worker that died when its lease ends', async () => {
    const { redis, keys, list } = await gates(2);
    const [dead, alive] = list;
    expect(await dead?.admit(origin, 4, politeness)).toBe(4);
    expect(await alive?.admit(origin, 1, politeness)).toBe(0);
    // What time would do: the lease has passed.
    const [seconds] = await redis.time();
    await redis.hset(keys.gate(origin), 'lease:w-0', `4 ${Number(seconds) * 1000 - 1}`);
    expect(await alive?.admit(origin, 4, politeness)).toBe(4);
    await alive?.stop();
  });

  it('gives leases that expire within 15 s', async () => {
    const { redis, keys, list } = await gates(1);
    await list[0]?.admit(origin, 2, politeness);
    const [count, expiry] = String(await redis.hget(keys.gate(origin), 'lease:w-0')).split(' ');
    const [seconds] = await redis.time();
    expect(count).toBe('2');
    expect(Number(expiry) - Number(seconds) * 1000).toBeLessThanOrEqual(16_000);
    await list[0]?.stop();
    expect(await redis.hget(keys.gate(origin), 'lease:w-0')).toBeNull();
  });

  it('keeps origins apart and asks nothing for one without a limit', async () => {
    const { redis, keys, list } = await gates(1);
    const unlimited = { ...politeness, concurrency: 'unlimited' } as const;
    expect(await list[0]?.admit(origin, 4, politeness)).toBe(4);
    expect(await list[0]?.admit('http://other.example', 4, politeness)).toBe(4);
    expect(await list[0]?.admit('http://free.example', 1_000, unlimited)).toBe(1_000);
    expect(await redis.exists(keys.gate('http://free.example'))).toBe(0);
    await list[0]?.stop();
  });

  it('spreads those who are turned away, so that they do not come back together', async () => {
    const { list } = await gates(1);
    const [gate] = list;
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) waits.push((await gate?.park(origin, 50, politeness)) ?? 0);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect((waits[3] ?? 0) - (waits[0] ?? 0)).toBeGreaterThan(1_000);
    // Permits are left over, so the forecast was too long.
    expect(await gate?.admit(origin, 1, politeness)).toBe(1);
    expect(await gate?.park(origin, 4, politeness)).toBeLessThan(waits[0] ?? 0);
    expect(await gate?.park(origin, 1_000_000, politeness)).toBe(30_000);
    await gate?.stop();
  });
});
