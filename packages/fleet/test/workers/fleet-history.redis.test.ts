import { describe, expect, it } from '@jest/globals';
import {
  FleetHistory,
  growthOf,
  type HistorySample,
  Ledger,
  ratesOf,
  valuesOf,
  Workers,
} from '@fetchfleet/fleet';
import { closeAfterEach } from '@fetchfleet/testing';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

async function freshHistory() {
  const fleet = await freshFleet();
  const { redis, keys } = fleet;
  /** As if the newest sample had been taken so long ago. */
  const age = async (ms: number): Promise<void> => {
    const newest = JSON.parse((await redis.lindex(keys.history, 0)) ?? '{}');
    await redis.lset(keys.history, 0, JSON.stringify({ ...newest, at: newest.at - ms }));
  };
  return { ...fleet, age, history: new FleetHistory(redis, keys), ledger: new Ledger(redis, keys) };
}

describe('the history of a fleet', () => {
  it('samples what is settled and in flight, also of a batch that was removed', async () => {
    const { redis, keys, history, ledger, age } = await freshHistory();
    await new Workers(redis, keys).heartbeat({
      id: 'w-1',
      host: 'a',
      pid: 1,
      version: '1',
      transport: 'got',
      concurrency: 50,
      inFlight: 7,
      slices: 1,
      batches: ['one'],
      state: 'working',
      roles: ['fetch'],
      fetchesPerSecond: 1,
      uptimeMs: 1,
      memoryBytes: 1_000,
      eventLoopLagMs: 2.5,
    });
    await history.append();
    await age(10_000);
    await ledger.register(registration('one', 10));
    const ended = { durationMs: 1, bytes: 1 };
    await ledger.settle('one', [
      { index: 0, outcome: 'ok', ...ended },
      { index: 1, outcome: 'timeout', ...ended },
    ]);
    await ledger.settle('one', [{ index: 1, outcome: 'timeout', ...ended }]);
    await history.append();
    await redis.del(keys.batch('one'));
    const samples = await history.read();
    expect(samples).toMatchObject([
      { settled: 0, failed: 0, inFlight: 7, capacity: 50, batches: {} },
      { settled: 2, failed: 1, inFlight: 7, capacity: 50, batches: { one: 2 } },
    ]);
  });

  it('adds one sample, however many workers think that they sample', async () => {
    const { history } = await freshHistory();
    await Promise.all([history.append(), history.append(), history.append()]);
    expect(await history.read()).toHaveLength(1);
  });

  it('takes at most 1.2 MB, with the longest ids', async () => {
    const { redis, keys, history, ledger, age } = await freshHistory();
    for (let at = 0; at < 22; at += 1) {
      const id = `${'b'.repeat(126)}${String(at).padStart(2, '0')}`;
      await ledger.register(registration(id, 2 ** 31));
      await redis.hset(keys.batch(id), 'settled', 2 ** 31 - 1);
    }
    await history.append();
    await age(10_000);
    const sample = (await redis.lindex(keys.history, 0)) ?? '';
    await redis.rpush(keys.history, ...Array.from({ length: 379 }, () => sample));
    await history.append();
    expect(await redis.llen(keys.history)).toBe(360);
    expect(Object.keys((await history.read())[0]?.batches ?? {})).toHaveLength(20);
    expect(await redis.memory('USAGE', keys.history, 'SAMPLES', 0)).toBeLessThan(1_200_000);
  });

  it('passes over what is no sample', async () => {
    const { redis, keys, history } = await freshHistory();
    await redis.rpush(keys.history, '{', '{"at":"x"}', '[]');
    await history.append();
    expect(await history.read()).toHaveLength(1);
    await redis.set(keys.history, 'x');
    expect(await history.read()).toEqual([]);
  });
});

describe('the series of a history', () => {
  const start = 1_796_000_000_000;
  const samples = [0, 10, 20, 60, 70].map((seconds): HistorySample => ({
    at: start + seconds * 1_000,
    settled: seconds * 5,
    failed: seconds === 70 ? 0 : seconds,
    inFlight: seconds,
    capacity: 100,
    batches: seconds < 20 ? { one: seconds } : {},
  }));
  const now = start + 80_000;

  it('has a rate for each ten seconds, and none where nobody sampled', () => {
    const { everyMs, endsAt, values } = ratesOf(samples, ({ settled }) => settled, now);
    expect(everyMs).toBe(10_000);
    expect(endsAt).toBe(new Date(now).toISOString());
    expect(values).toHaveLength(360);
    expect(values.slice(-8)).toEqual([null, 5, 5, null, null, null, null, 5]);
  });

  it('has no rate where a counter went down or is missing', () => {
    expect(ratesOf(samples, ({ failed }) => failed, now).values.at(-1)).toBeNull();
    const one = ratesOf(samples, ({ batches }) => batches['one'], now).values;
    expect(one.filter((value) => value !== null)).toEqual([1]);
  });

  it('ends now, also if nobody samples any more', () => {
    const { values } = valuesOf(samples, ({ inFlight }) => inFlight, now + 20_000);
    expect(values.slice(-4)).toEqual([null, 70, null, null]);
  });

  it('counts growth only', () => {
    expect(growthOf(samples, ({ settled }) => settled)).toBe(350);
    expect(growthOf(samples, ({ failed }) => failed)).toBe(60);
  });
});
