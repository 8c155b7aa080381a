import type { Slice } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  FleetOverview,
  Ledger,
  SliceClaims,
  type ClaimedSlice,
  ScheduleStore,
  SliceQueue,
} from '../../src/index.ts';
import { freshFleet, registration, rethrow, sliceOf } from '../fixture.ts';
import { spec } from '../schedule/fixture.ts';

closeAfterEach();

const slice = (batch: string, first: number, count = 50): Slice => sliceOf(batch, first, count);

async function fixture() {
  const { redis, keys } = await freshFleet();
  const queue = new SliceQueue(redis, keys);
  const ledger = new Ledger(redis, keys);
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await claims.start();
  return {
    redis,
    keys,
    queue,
    ledger,
    overview: new FleetOverview(redis, keys),
    batch: async (id: string, total: number): Promise<void> => {
      await ledger.register(registration(id, total));
      await ledger.expanded(id);
    },
    claim: async (): Promise<ClaimedSlice> => {
      let claimed: ClaimedSlice | undefined;
      while (claimed === undefined) {
        claimed = await claims.claim();
      }
      return claimed;
    },
    stop: async (): Promise<void> => {
      await claims.stop();
      await queue.stop();
    },
  };
}

const settled = (index: number) => ({ index, outcome: 'ok' as const, durationMs: 1, bytes: 1 });

describe('the overview of the fleet', () => {
  it('is all zeros on an empty Redis', async () => {
    const { overview, stop } = await fixture();
    expect(await overview.read()).toMatchObject({
      backlog: { runnable: 0, throttled: 0, delayed: 0, active: 0 },
      slices: { waiting: 0, active: 0, delayed: 0, failed: 0 },
      oldestPendingSeconds: 0,
      batches: { expanding: 0, running: 0, paused: 0, cancelled: 0, finished: 0 },
      unfinished: [],
      workers: 0,
      redisMemoryLimitBytes: 0,
      origins: [],
    });
    expect((await overview.read()).redisMemoryBytes).toBeGreaterThan(100_000);
    await stop();
  });

  it('counts fetches by what they wait for', async () => {
    const { overview, queue, batch, claim, ledger, stop } = await fixture();
    await batch('b', 203);
    await queue.add([
      slice('b', 0),
      slice('b', 50),
      slice('b', 100),
      slice('b', 150),
      slice('b', 200, 3),
    ]);
    const due = Date.now() + 60_000;
    // Deferred by the gate; one of its fetches waits for a retry instead.
    const deferred = { ...slice('b', 0), ticket: 50, state: [[0, 1, due, 0] as const] };
    await (await claim()).delay(deferred, 60_000);
    // Delayed after a refusal and after a failure.
    const refused = {
      ...slice('b', 50, 2),
      state: [[0, 0, due, 1] as const, [1, 1, due, 0] as const],
    };
    await (await claim()).delay(refused, 60_000);
    await claim();
    await ledger.settle('b', [settled(100), settled(149)]);
    expect(await overview.read()).toMatchObject({
      backlog: { runnable: 53, throttled: 49 + 1, delayed: 1 + 1, active: 48 },
      slices: { waiting: 2, active: 1, delayed: 2, failed: 0 },
    });
    await stop();
  });

  it('counts a slice whose delay is over as runnable', async () => {
    const { overview, queue, batch, claim, stop } = await fixture();
    await batch('b', 50);
    await queue.add([slice('b', 0)]);
    await (await claim()).delay({ ...slice('b', 0), ticket: 50 }, 1);
    await eventually(async () =>
      expect((await overview.read()).backlog).toEqual({
        runnable: 50,
        throttled: 0,
        delayed: 0,
        active: 0,
      }),
    );
    await stop();
  });

  it('counts fetches of paused batches as delayed, and none of cancelled ones', async () => {
    const { overview, queue, batch, ledger, keys, redis, stop } = await fixture();
    await batch('paused', 100);
    await batch('cancelled', 50);
    await queue.add([slice('paused', 0), slice('paused', 50), slice('cancelled', 0)]);
    await ledger.settle('paused', [settled(0)]);
    await redis.hset(keys.batch('paused'), 'state', 'paused');
    await ledger.cancel('cancelled');
    expect(await overview.read()).toMatchObject({
      backlog: { runnable: 0, throttled: 0, delayed: 99, active: 0 },
      batches: { paused: 1, cancelled: 1 },
      unfinished: [{ batch: 'paused', total: 100, settled: 1, failed: 0 }],
      oldestPendingSeconds: 0,
    });
    await stop();
  });

  it('estimates a long queue from a sample', async () => {
    const { overview, queue, batch, stop } = await fixture();
    await batch('long', 50_000);
    for (let first = 0; first < 50_000; first += 5_000) {
      await queue.add(Array.from({ length: 100 }, (_, i) => slice('long', first + i * 50)));
    }
    expect(await overview.read()).toMatchObject({
      backlog: { runnable: 50_000, throttled: 0, delayed: 0, active: 0 },
      slices: { waiting: 1_000 },
    });
    await stop();
  });

  it('has the age of the oldest queued slice', async () => {
    const { overview, queue, batch, redis, keys, stop } = await fixture();
    await batch('b', 100);
    await queue.add([slice('b', 0), slice('b', 50)]);
    await redis.hset(keys.home.queue('b.50'), 'timestamp', Date.now() - 90_000);
    const { oldestPendingSeconds } = await overview.read();
    expect(oldestPendingSeconds).toBeGreaterThanOrEqual(89);
    expect(oldestPendingSeconds).toBeLessThan(120);
    await stop();
  });

  it('ignores foreign jobs in the queue', async () => {
    const { overview, redis, keys, batch, queue, stop } = await fixture();
    await batch('b', 50);
    await queue.add([slice('b', 0)]);
    const foreign = [
      '{',
      '"text"',
      '[]',
      '{"batch":"b","ranges":[0,1e12]}',
      '{"batch":"b","ranges":["x"]}',
    ];
    for (const [at, data] of foreign.entries()) {
      await redis.hset(keys.home.queue(`foreign-${at}`), 'data', data);
      await redis.lpush(keys.home.queue('wait'), `foreign-${at}`);
      await redis.lpush(keys.home.queue('active'), `foreign-${at}`);
    }
    const seen = await overview.read();
    expect(seen.slices).toMatchObject({ waiting: 6, active: 5 });
    expect(seen.backlog).toEqual({ runnable: 50, throttled: 0, delayed: 0, active: 0 });
    await stop();
  });

  it('lists the 20 latest unfinished batches, and counts all', async () => {
    const { overview, batch, ledger, stop } = await fixture();
    for (let at = 0; at < 25; at++) {
      await batch(`b-${at}`, 1);
    }
    await ledger.settle('b-24', [settled(0)]);
    const { batches, unfinished } = await overview.read();
    expect(batches).toMatchObject({ running: 24, finished: 1 });
    expect(unfinished).toHaveLength(20);
    await stop();
  });

  it('says how often schedules run, and what has become of their runs', async () => {
    const { redis, keys, overview, stop } = await fixture();
    const schedules = new ScheduleStore(redis, keys);
    const figures = async () => (await overview.read()).schedules;
    await schedules.put('a', { ...spec, cron: '@hourly', tz: 'UTC' });
    await schedules.put('b', { ...spec, cron: '@daily', tz: 'UTC' });
    const run = await schedules.runNow('a');
    await schedules.conclude('a', run?.key ?? '', { state: 'started' });
    for (let reads = 0; reads < 2; reads++) {
      expect(await figures()).toMatchObject([
        { schedule: 'a', intervalMs: 3_600_000, counts: { started: 1 } },
        { schedule: 'b', intervalMs: 86_400_000, counts: { started: 0 } },
      ]);
    }
    await schedules.put('a', { ...spec, cron: '@weekly', tz: 'UTC' });
    await schedules.setPaused('b', true);
    const [a, b] = await figures();
    expect(a).toMatchObject({ intervalMs: 604_800_000, counts: { started: 1 } });
    expect(b?.intervalMs).toBeUndefined();
    await stop();
  });
});

async function schedulesFixture() {
  const { redis, keys, overview, ledger, stop } = await fixture();
  return {
    schedules: new ScheduleStore(redis, keys),
    setLastTick: async (id: string, at: string) =>
      redis.hset(keys.schedule(id), 'lastTick', Date.parse(at)),
    next: async () => (await overview.read()).nextRunMs,
    batch: async (id: string) => ledger.register(registration(id, 1)),
    ledger,
    stop,
  };
}

describe('the time of the next run', () => {
  it('is the earliest of all schedules that are not paused, and absent without one', async () => {
    const { schedules, next, setLastTick, stop } = await schedulesFixture();
    expect(await next()).toBeUndefined();
    // More than the metrics name.
    for (let at = 0; at < 101; at++) {
      await schedules.put(`s-${at}`, { ...spec, cron: '@yearly', tz: 'UTC' });
    }
    await schedules.put('z', { ...spec, cron: '0 6 * * *', tz: 'UTC' });
    await setLastTick('z', '2026-05-01T06:00:00Z');
    expect(await next()).toBe(Date.parse('2026-05-02T06:00:00Z'));
    await schedules.setPaused('z', true);
    expect(await next()).toBeGreaterThan(Date.now());
    await stop();
  });

  it('stays in the past until a worker has decided about the tick, and started the run', async () => {
    const { schedules, next, setLastTick, stop } = await schedulesFixture();
    await schedules.put('daily', { ...spec, cron: '@daily', tz: 'UTC', catchUpMs: 1e9 });
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    await setLastTick('daily', `${yesterday}T00:00:00Z`);
    const due = Date.parse(`${yesterday}T00:00:00Z`) + 86_400_000;
    expect(await next()).toBe(due);
    const run = await schedules.decideTick('daily');
    expect(run?.state).toBe('starting');
    expect(await next()).toBe(due);
    await schedules.conclude('daily', run?.key ?? '', { state: 'started' });
    expect(await next()).toBe(due + 86_400_000);
    await stop();
  });

  it('is that of a queued run as soon as the batch before has ended', async () => {
    const { schedules, next, batch, ledger, stop } = await schedulesFixture();
    const terms = { ...spec, cron: '@yearly', tz: 'UTC', overlap: 'queue' } as const;
    await schedules.put('yearly', terms);
    const first = await schedules.runNow('yearly');
    await batch(first?.batch ?? '');
    await schedules.conclude('yearly', first?.key ?? '', { state: 'started' });
    const second = await schedules.runNow('yearly');
    expect(second?.state).toBe('queued');
    expect(await next()).toBeGreaterThan(Date.now());
    await ledger.cancel(first?.batch ?? '');
    expect(await next()).toBe(second?.at);
    await schedules.setPaused('yearly', true);
    // A person has asked for this one.
    expect(await next()).toBe(second?.at);
    await stop();
  });
});

describe('the lease of the exporter', () => {
  it('has one holder, which can renew it until it releases it', async () => {
    const { overview, stop } = await fixture();
    const until = await overview.holdExport('w-1');
    expect(until).toBeGreaterThan(performance.now() + 10_000);
    expect(await overview.holdExport('w-2')).toBeUndefined();
    expect(await overview.holdExport('w-1')).toBeGreaterThanOrEqual(until ?? 0);
    await overview.releaseExport('w-2');
    expect(await overview.holdExport('w-2')).toBeUndefined();
    await overview.releaseExport('w-1');
    expect(await overview.holdExport('w-2')).toBeDefined();
    await stop();
  });
});
