import type { NotifyTarget, Outcome } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  BatchRemoval,
  Ledger,
  Outbox,
  type OutboxEntry,
  ScheduleStore,
  type Settlement,
  statusDocument,
} from '../../src/index.ts';
import { crawl, freshFleet, registration } from '../fixture.ts';
import { spec } from '../schedule/fixture.ts';

closeAfterEach();

const LEASE_MS = 60_000;
const ALL: NotifyTarget = {
  url: 'https://a.example/${env:PATH_OF_IT}',
  secret: '${env:S}',
  on: ['finished', 'cancelled', 'failed-to-start', 'failures'],
  failures: 0.1,
};

const settlements = (outcome: Outcome, indexes: readonly number[]): Settlement[] =>
  indexes.map((index) => ({ index, outcome, durationMs: 10, bytes: 100 }));

const upTo = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, at) => from + at);

async function fleetWith(total: number, notify: readonly NotifyTarget[] = [ALL]) {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys, undefined, 'ann@host');
  await ledger.register({ ...registration('b', total), crawl: { ...crawl, notify } });
  await ledger.expanded('b');
  const outbox = new Outbox(redis, keys);
  const take = async (): Promise<OutboxEntry[]> =>
    (await outbox.take(100, LEASE_MS)).map(({ entry }) => entry);
  return { redis, keys, ledger, outbox, take };
}

describe('the outbox', () => {
  it('gets what a batch was when it ended, whatever happens to it later', async () => {
    const { redis, keys, ledger, take } = await fleetWith(2);
    await ledger.settle('b', settlements('ok', [0, 1]));
    await new BatchRemoval(redis, keys).begin('b');
    const [entry, ...others] = await take();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ event: 'finished', batch: 'b', attempts: 0 });
    expect(entry?.receiver).toMatchObject({ url: ALL.url, secret: ALL.secret });
    const { status } = entry ?? {};
    expect(status && statusDocument(status)).toMatchObject({
      batch: 'b',
      state: 'finished',
      total: 2,
      ok: 2,
      failed: 0,
    });
  });

  it('gets one entry for each receiver that is told, with an id of its own', async () => {
    const { ledger, take } = await fleetWith(1, [
      { url: 'https://a.example', on: ['finished'] },
      { url: 'https://b.example', on: ['cancelled'] },
      { url: 'https://c.example', on: ['finished', 'cancelled'] },
    ]);
    await ledger.settle('b', settlements('ok', [0]));
    // A repeated call finishes nothing.
    await ledger.settle('b', settlements('ok', [0]));
    const entries = await take();
    expect(entries.map(({ receiver }) => receiver.url).toSorted()).toEqual([
      'https://a.example',
      'https://c.example',
    ]);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(2);
  });

  it('stays empty where nobody is told', async () => {
    const { redis, keys, ledger, take } = await fleetWith(1, []);
    await ledger.settle('b', settlements('timeout', [0]));
    expect(await take()).toEqual([]);
    expect(await redis.exists(keys.home.outbox, keys.home.outboxDue)).toBe(0);
  });

  it('tells of a batch that is cancelled, and again after it has gone on', async () => {
    const { ledger, take } = await fleetWith(2);
    expect(await ledger.cancel('b')).toBe(true);
    expect(await ledger.cancel('b')).toBe(false);
    await ledger.reopen('b');
    await ledger.cancel('b');
    const entries = await take();
    expect(entries.map(({ event }) => event)).toEqual(['cancelled', 'cancelled']);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(2);
  });

  it.each([
    { total: 3, share: 0.1, quiet: 0 },
    { total: 10, share: 0.1, quiet: 0 },
    { total: 11, share: 0.1, quiet: 1 },
    { total: 100, share: 0.07, quiet: 6 },
    { total: 10_000, share: 0.25, quiet: 2_499 },
    { total: 4, share: 1, quiet: 3 },
  ])('tells of a share of failures once: $share of $total', async ({ total, share, quiet }) => {
    const { ledger, take } = await fleetWith(total, [
      { url: 'https://a.example', on: ['failures'], failures: share },
    ]);
    await ledger.settle('b', settlements('timeout', upTo(quiet)));
    // What robots.txt forbids is no failure.
    await ledger.settle('b', settlements('robots-denied', total > quiet + 1 ? [total - 1] : []));
    expect(await take()).toEqual([]);
    await ledger.settle('b', settlements('timeout', [quiet]));
    await ledger.settle('b', settlements('timeout', total > quiet + 2 ? [quiet + 1] : []));
    const entries = await take();
    expect(entries.map(({ event }) => event)).toEqual(['failures']);
    expect(await ledger.events('b')).toContainEqual(
      expect.objectContaining({ event: 'failures', detail: `${quiet + 1} of ${total}` }),
    );
  });

  it('tells of the share again when failures were retried, and of each end', async () => {
    const { ledger, take } = await fleetWith(1);
    await ledger.settle('b', settlements('timeout', [0]));
    expect((await take()).map(({ event }) => event).toSorted()).toEqual(['failures', 'finished']);
    await ledger.retry('b');
    await ledger.expanded('b');
    await ledger.settle('b', settlements('timeout', [0]));
    expect((await take()).map(({ event }) => event).toSorted()).toEqual(['failures', 'finished']);
    const events = await ledger.events('b');
    expect(events?.map(({ event }) => event)).toEqual([
      'created',
      'failures',
      'finished',
      'retried',
      'failures',
      'finished',
    ]);
    expect(events?.map(({ by = '' }) => by)).toEqual(['ann@host', '', '', 'ann@host', '', '']);
    expect(events?.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('gives an entry to one taker until its lease ends, and again then', async () => {
    const { ledger, outbox, take } = await fleetWith(1);
    await ledger.settle('b', settlements('ok', [0]));
    const [one] = await outbox.take(10, 0);
    expect(one).toBeDefined();
    const [other] = await outbox.take(10, LEASE_MS);
    expect(other?.entry.id).toBe(one?.entry.id);
    expect(await take()).toEqual([]);
    if (other !== undefined) {
      await outbox.postpone(other, { dueInMs: 0, problem: 'it answered 503' });
    }
    expect(await outbox.waiting('b')).toMatchObject([
      { attempts: 1, lastProblem: 'it answered 503' },
    ]);
    const [third] = await take();
    expect(third).toMatchObject({ id: one?.entry.id, attempts: 1 });
    if (other !== undefined && third !== undefined) {
      await outbox.remove(third);
      // Its lease has ended, and another worker has delivered it.
      await outbox.postpone(other, { dueInMs: 0, problem: 'late' });
    }
    expect(await outbox.waiting('b')).toEqual([]);
    expect(await outbox.counts()).toEqual({ waiting: 0, lost: 0 });
  });

  it('is bounded: a batch ends all the same, and its events say what was lost', async () => {
    const { redis, keys, ledger, outbox } = await fleetWith(1);
    const full = upTo(2_000).flatMap((at) => [Date.now() + 1e6, `x|${at}`]);
    await redis.zadd(keys.home.outboxDue, ...full);
    await ledger.settle('b', settlements('ok', [0]));
    expect(await ledger.state('b')).toBe('finished');
    expect((await ledger.events('b'))?.at(-1)).toMatchObject({ event: 'not-told' });
    expect(await outbox.counts()).toEqual({ waiting: 2_000, lost: 1 });
  });

  it('lets a batch end where something else is in its place', async () => {
    const { redis, keys, ledger } = await fleetWith(1);
    await redis.set(keys.home.outbox, 'x');
    await redis.set(keys.home.outboxDue, 'x');
    await redis.set(keys.home.totals, 'x');
    await redis.hset(keys.batch('b'), 'events', '{', 'notify', '[1,{"on":2}]');
    await ledger.settle('b', settlements('timeout', [0]));
    expect(await ledger.state('b')).toBe('finished');
    expect(await ledger.status('b')).toMatchObject({ failed: 1, outcomes: { timeout: 1 } });
  });

  it('hears of a batch whose schedule has something else in place of its runs', async () => {
    const { redis, keys, ledger, take } = await fleetWith(1, []);
    const schedules = new ScheduleStore(redis, keys);
    await schedules.put('daily', spec);
    await redis.del(keys.scheduleRuns('daily'));
    await redis.set(keys.scheduleRuns('daily'), 'x');
    const notifying = { ...crawl, notify: [ALL] };
    await ledger.register({ ...registration('c', 1), crawl: notifying, schedule: 'daily' });
    await ledger.expanded('c');
    await ledger.settle('c', settlements('ok', [0]));
    expect(await ledger.state('c')).toBe('finished');
    expect(await take()).toMatchObject([{ event: 'finished', batch: 'c' }]);
  });

  it('drops an entry that no fleet has written', async () => {
    const { redis, keys, take, outbox } = await fleetWith(1);
    await redis.hset(keys.home.outbox, 'b|1', '{"id":1}');
    await redis.zadd(keys.home.outboxDue, 0, 'b|1', 0, 'b|2');
    expect(await take()).toEqual([]);
    expect(await outbox.counts()).toMatchObject({ waiting: 0 });
  });

  it('hears of a scheduled run that could not start, whose batch is cancelled silently', async () => {
    const { redis, keys, ledger, take } = await fleetWith(1, []);
    const schedules = new ScheduleStore(redis, keys);
    await schedules.put('daily', { ...spec, crawl: { ...crawl, notify: [ALL] } });
    const run = await schedules.runNow('daily');
    const batch = run?.batch ?? '';
    await ledger.register({
      ...registration(batch, 5),
      crawl: { ...crawl, notify: [ALL] },
      schedule: 'daily',
    });
    const outcome = { state: 'failed', reason: 'the list is gone' } as const;
    expect(await schedules.conclude('daily', run?.key ?? '', outcome)).toBe(true);
    expect(await schedules.conclude('daily', run?.key ?? '', outcome)).toBe(false);
    expect(await take()).toMatchObject([
      { event: 'failed-to-start', batch, name: 'test', schedule: 'daily', reason: outcome.reason },
    ]);
    expect(await ledger.state(batch)).toBe('cancelled');
    expect(await ledger.unfinished()).not.toContain(batch);
    expect((await ledger.events(batch))?.map(({ event, by }) => [event, by])).toEqual([
      ['created', 'schedule daily'],
      ['cancelled', 'schedule daily'],
    ]);
    expect((await schedules.get('daily'))?.counts).toMatchObject({ failed: 1, started: 0 });
  });
});

describe('the events of a batch', () => {
  it('say what was done, and keep the first one', async () => {
    const { ledger } = await fleetWith(3, []);
    for (let at = 0; at < 60; at++) {
      await ledger.pause('b');
      await ledger.unpause('b');
    }
    const events = await ledger.events('b');
    expect(events).toHaveLength(100);
    expect(events?.[0]).toMatchObject({ number: 1, event: 'created', by: 'ann@host' });
    expect(events?.[1]?.number).toBe(23);
    expect(events?.at(-1)).toMatchObject({ number: 121, event: 'resumed', by: 'ann@host' });
    expect(await ledger.events('unknown')).toBeUndefined();
  });

  it('say how the runs of a schedule have ended', async () => {
    const { redis, keys, ledger } = await fleetWith(1, []);
    const schedules = new ScheduleStore(redis, keys);
    await schedules.put('daily', spec);
    const run = await schedules.runNow('daily');
    const batch = run?.batch ?? '';
    await ledger.register({ ...registration(batch, 2), schedule: 'daily' });
    await ledger.expanded(batch);
    await schedules.conclude('daily', run?.key ?? '', { state: 'started' });
    await ledger.settle(batch, settlements('timeout', [0]));
    await ledger.settle(batch, settlements('ok', [1]));
    const first = await schedules.get('daily');
    expect(first?.runs[0]?.ended).toMatchObject({ state: 'finished', total: 2, failed: 1 });
    expect(first?.lastFinish).toBeGreaterThan(0);
    expect(first?.lastSuccess).toBeUndefined();
    await ledger.retry(batch);
    await ledger.expanded(batch);
    await ledger.settle(batch, settlements('ok', [0]));
    const second = await schedules.get('daily');
    expect(second?.runs[0]?.ended).toMatchObject({ state: 'finished', failed: 0 });
    expect(second?.lastSuccess).toBe(second?.lastFinish);
    expect((await ledger.status(batch))?.schedule).toBe('daily');
  });
});
