import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { type FleetKeys, Ledger, type ScheduleSpec, ScheduleStore } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';
import { spec } from './fixture.ts';

/** Six o'clock in Oslo. */
const TICK = Date.parse('2026-11-24T05:00Z');
const DAY = 86_400_000;
const MINUTE = 60_000;

let redis: Redis;
let keys: FleetKeys;
let ledger: Ledger;
let schedules: ScheduleStore;
let now: number;

beforeEach(async () => {
  ({ redis, keys } = await freshFleet());
  ledger = new Ledger(redis, keys);
  schedules = new ScheduleStore(redis, keys, { now: () => now });
  now = TICK - MINUTE;
});

afterEach(async () => {
  const found = await redis.keys(`${keys.home.queuePrefix}*`);
  if (found.length > 0) {
    await redis.del(...found);
  }
  redis.disconnect();
});

installLeakGuard();

/** A schedule whose last decided tick is a minute before {@link TICK}. */
async function scheduled(changes: Partial<ScheduleSpec> = {}): Promise<void> {
  await schedules.put('daily', { ...spec, ...changes });
  await redis.hset(keys.schedule('daily'), 'lastTick', now);
}

async function states(): Promise<string[]> {
  return (await schedules.get('daily'))?.runs.map(({ state }) => state) ?? [];
}

/** Decides about a tick and lets its batch run. */
async function started(at: number): Promise<string> {
  now = at;
  const decision = await schedules.decideTick('daily');
  const batch = decision?.batch ?? '';
  await ledger.register(registration(batch, 10));
  await ledger.expanded(batch);
  await schedules.conclude('daily', decision?.key ?? '', { state: 'started' });
  return batch;
}

describe('a tick', () => {
  it('has one run, however many workers wake up for it and however often', async () => {
    await scheduled();
    now = TICK + 20;
    const all = await Promise.all(
      Array.from(
        { length: 20 },
        async () => new ScheduleStore(redis, keys, { now: () => now }),
      ).map(async (other) => (await other).decideTick('daily')),
    );
    expect(all.filter((one) => one !== undefined)).toMatchObject([
      {
        key: String(TICK),
        state: 'starting',
        batch: expect.stringMatching(/^test-20261124-0500-/u),
      },
    ]);
    now = TICK + DAY - 1;
    expect(await schedules.decideTick('daily')).toBeUndefined();
    expect(await states()).toEqual(['starting']);
  });

  it('has the same batch id on every worker, and another one at every tick', async () => {
    await scheduled({ overlap: 'allow' });
    now = TICK;
    const first = await schedules.decideTick('daily');
    now = TICK + DAY;
    const second = await schedules.decideTick('daily');
    expect(second?.batch).not.toBe(first?.batch);
    await schedules.remove('daily');
    now = TICK - MINUTE;
    await scheduled();
    now = TICK;
    expect((await schedules.decideTick('daily'))?.batch).toBe(first?.batch);
  });

  it('is caught up within the window if it is the latest; the others are missed', async () => {
    await scheduled({ catchUpMs: 60 * MINUTE });
    now = TICK + 2 * DAY + 59 * MINUTE;
    expect(await schedules.decideTick('daily')).toMatchObject({
      at: TICK + 2 * DAY,
      state: 'starting',
      isCaughtUp: true,
      older: 2,
    });
    expect((await schedules.get('daily'))?.runs).toMatchObject([
      { state: 'starting' },
      { state: 'missed', count: 2, at: TICK + DAY, reason: expect.stringMatching(/latest/u) },
    ]);
  });

  it('is missed after the window, once and for all', async () => {
    await scheduled({ catchUpMs: 0 });
    now = TICK + 2 * MINUTE;
    expect(await schedules.decideTick('daily')).toMatchObject({
      state: 'missed',
      at: TICK,
      reason: expect.stringMatching(/nothing is caught up/u),
    });
    await schedules.put('daily', { ...spec, catchUpMs: DAY });
    expect(await schedules.decideTick('daily')).toBeUndefined();
  });

  it('is ignored while the schedule is paused, and not caught up afterwards', async () => {
    await scheduled();
    expect(await schedules.setPaused('daily', true)).toBe(true);
    expect(await schedules.setPaused('daily', true)).toBe(false);
    now = TICK;
    expect(await schedules.decideTick('daily')).toBeUndefined();
    await schedules.setPaused('daily', false);
    // Resuming skips every tick up to the time of Redis.
    expect((await schedules.get('daily'))?.lastTick).toBeGreaterThan(Date.now() - MINUTE);
    expect(await schedules.setPaused('nightly', true)).toBeUndefined();
  });
});

describe('a tick while the batch before still runs', () => {
  it('is skipped, with the reason', async () => {
    await scheduled({ overlap: 'skip' });
    const first = await started(TICK);
    now = TICK + DAY;
    expect(await schedules.decideTick('daily')).toMatchObject({
      state: 'skipped',
      reason: `batch ${first} has not ended`,
    });
    await ledger.cancel(first);
    now = TICK + 2 * DAY;
    expect(await schedules.decideTick('daily')).toMatchObject({ state: 'starting' });
  });

  it('is also skipped while that batch is being enqueued', async () => {
    await scheduled({ overlap: 'skip' });
    now = TICK;
    await schedules.decideTick('daily');
    now = TICK + DAY;
    expect(await schedules.decideTick('daily')).toMatchObject({ state: 'skipped' });
  });

  it('waits for the end of that batch with overlap queue, one run at most', async () => {
    await scheduled({ overlap: 'queue' });
    const first = await started(TICK);
    now = TICK + DAY;
    const queued = await schedules.decideTick('daily');
    expect(queued).toMatchObject({ state: 'queued', reason: `waits for batch ${first}` });
    now = TICK + 2 * DAY;
    expect(await schedules.decideTick('daily')).toMatchObject({
      state: 'skipped',
      reason: expect.stringMatching(/waits already/u),
    });
    expect(await schedules.advance('daily')).toBeUndefined();
    await ledger.cancel(first);
    const both = await Promise.all([schedules.advance('daily'), schedules.advance('daily')]);
    expect(both.filter((one) => one !== undefined)).toMatchObject([
      { key: queued?.key, state: 'starting', batch: queued?.batch },
    ]);
    expect(await states()).toEqual(['skipped', 'starting', 'started']);
  });

  it('runs beside that batch with overlap allow', async () => {
    await scheduled({ overlap: 'allow' });
    await started(TICK);
    now = TICK + DAY;
    expect(await schedules.decideTick('daily')).toMatchObject({ state: 'starting' });
  });
});

describe('a run by hand', () => {
  it('starts at once, even while the schedule is paused, and replaces no tick', async () => {
    await scheduled({ overlap: 'allow' });
    await schedules.setPaused('daily', true);
    expect(await schedules.runNow('daily')).toMatchObject({ kind: 'manual', state: 'starting' });
    expect(await schedules.runNow('nightly')).toBeUndefined();
    await redis.hset(keys.schedule('daily'), { paused: 0 });
    now = TICK;
    expect(await schedules.decideTick('daily')).toMatchObject({ kind: 'tick' });
  });

  it('follows the overlap of the schedule', async () => {
    await scheduled({ overlap: 'skip' });
    const first = await started(TICK);
    expect(await schedules.runNow('daily')).toMatchObject({
      state: 'skipped',
      reason: `batch ${first} has not ended`,
    });
  });
});

describe('a schedule', () => {
  it('is unchanged when an equal one is added, and keeps its history when changed', async () => {
    expect(await schedules.put('daily', spec)).toEqual({ change: 'added' });
    expect(await schedules.put('daily', { ...spec })).toMatchObject({ change: 'unchanged' });
    const revision = (await schedules.get('daily'))?.revision;
    await redis.hset(keys.schedule('daily'), 'lastTick', now);
    const first = await started(TICK);
    const changed = await schedules.put('daily', { ...spec, cron: '0 7 * * *' });
    expect(changed).toEqual({ change: 'changed', before: spec });
    const after = await schedules.get('daily');
    expect(after?.runs).toMatchObject([{ batch: first, state: 'started' }]);
    expect(after?.revision).toBeGreaterThan(revision ?? 0);
    expect(after?.terms.cron).toBe('0 7 * * *');
  });

  it('catches up no tick of a new pattern', async () => {
    await scheduled({ catchUpMs: DAY });
    await schedules.put('daily', { ...spec, cron: '30 5 * * *', catchUpMs: DAY });
    now = Date.now() + 1;
    expect(await schedules.decideTick('daily')).toBeUndefined();
  });

  it('keeps 50 runs, and always those that are under way', async () => {
    await scheduled({ overlap: 'skip' });
    const first = await started(TICK);
    for (let day = 1; day <= 60; day++) {
      now = TICK + day * DAY;
      await schedules.decideTick('daily');
    }
    expect(await states()).toHaveLength(50);
    await ledger.cancel(first);
    now = TICK + 61 * DAY;
    expect(await schedules.decideTick('daily')).toMatchObject({ state: 'starting' });
  });

  it.each([
    { when: 'nobody enqueues it', isHeld: false, run: 'failed', batch: 'cancelled' },
    { when: 'somebody enqueues it', isHeld: true, run: 'started', batch: 'expanding' },
  ])('has the batch of a run that a worker gives up $batch if $when', async (given) => {
    await scheduled();
    now = TICK;
    const { key = '', batch = '' } = (await schedules.decideTick('daily')) ?? {};
    await ledger.register(registration(batch, 10));
    await ledger.holdExpansion(batch, 'a producer', 60_000);
    if (!given.isHeld) {
      await ledger.releaseExpansion(batch, 'a producer');
    }
    const failed = { state: 'failed', reason: 'the list cannot be read' } as const;
    expect(await schedules.conclude('daily', key, failed)).toBe(!given.isHeld);
    expect(await ledger.state(batch)).toBe(given.batch);
    expect(await schedules.get('daily')).toMatchObject({
      runs: [given.isHeld ? { state: 'started', batch } : { ...failed, batch }],
      counts: { [given.run]: 1 },
    });
    await redis.del(keys.expansion(batch));
  });

  it('concludes a run once, and is removed with its history', async () => {
    await scheduled();
    now = TICK;
    const key = (await schedules.decideTick('daily'))?.key ?? '';
    const failed = { state: 'failed', reason: 'the list cannot be read' } as const;
    expect(await schedules.conclude('daily', key, failed)).toBe(true);
    expect(await schedules.conclude('daily', key, { state: 'started' })).toBe(false);
    expect((await schedules.get('daily'))?.runs).toMatchObject([failed]);
    expect(await schedules.remove('daily')).toEqual(spec.crawl);
    expect(await schedules.remove('daily')).toBeUndefined();
    expect(await schedules.ids()).toEqual([]);
    expect(await redis.keys(`${keys.schedule('daily')}*`)).toEqual([]);
  });
});
