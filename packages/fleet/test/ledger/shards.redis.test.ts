import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  BatchRemoval,
  FleetHistory,
  FleetOverview,
  Ledger,
  Outbox,
  ScheduleBatches,
  type ScheduleSpec,
  ScheduleStore,
} from '../../src/index.ts';
import { crawl, freshFleet, registration } from '../fixture.ts';

closeAfterEach();

const fetched = { outcome: 'ok', durationMs: 1, bytes: 1 } as const;

async function fixture() {
  const { redis, keys } = await freshFleet(3);
  const ledger = new Ledger(redis, keys);
  const finish = async (id: string): Promise<void> => {
    await ledger.register(registration(id, 2));
    await ledger.expanded(id);
    await ledger.settle(id, [
      { index: 0, ...fetched },
      { index: 1, ...fetched },
    ]);
  };
  return { redis, keys, ledger, finish };
}

const spec: ScheduleSpec = {
  crawl,
  cron: '0 6 * * *',
  tz: 'UTC',
  overlap: 'skip',
  catchUpMs: 0,
  source: '/crawls/test.yaml',
};

/** Ids of schedules, one in each shard. */
function schedulesOf(keys: { shardOfSchedule(id: string): { readonly index: number } }): string[] {
  const names = Array.from({ length: 100 }, (_, n) => `s-${n}`);
  return [0, 1, 2].map((at) => names.find((id) => keys.shardOfSchedule(id).index === at) ?? '');
}

describe('batches of several shards', () => {
  it('are placed where the fewest are unfinished', async () => {
    const { ledger } = await fixture();
    const shards = [];
    for (let n = 0; n < 6; n += 1) {
      const id = await ledger.newId('test');
      await ledger.register(registration(id, 1));
      shards.push(/-s(\d)$/.exec(id)?.[1] ?? '0');
    }
    expect(shards.slice(0, 3).toSorted()).toEqual(['0', '1', '2']);
    expect(shards.slice(3).toSorted()).toEqual(['0', '1', '2']);
  });

  it('are listed together, the newest first', async () => {
    const { ledger, finish } = await fixture();
    for (const id of ['a', 'b-s1', 'c-s2', 'd-s1']) {
      await ledger.register({ ...registration(id, 2), fingerprint: 'same' });
    }
    await finish('e');
    await finish('f-s2');
    expect(await ledger.batches()).toEqual(['f-s2', 'e', 'd-s1', 'c-s2', 'b-s1', 'a']);
    expect(await ledger.batches(3)).toEqual(['f-s2', 'e', 'd-s1']);
    expect(await ledger.unfinished()).toEqual(['d-s1', 'c-s2', 'b-s1', 'a']);
    expect(await ledger.findUnfinished('same')).toBe('d-s1');
    const all = await ledger.statuses(await ledger.batches());
    expect(all.map(({ batch }) => batch)).toEqual(await ledger.batches());
  });

  it('are counted together, for ever', async () => {
    const { redis, keys, finish } = await fixture();
    for (const id of ['a', 'b-s1', 'c-s2']) {
      await finish(id);
    }
    const history = new FleetHistory(redis, keys);
    await history.append();
    expect(await history.read()).toMatchObject([{ settled: 6, failed: 0 }]);
    expect((await new FleetOverview(redis, keys).read()).batches.finished).toBe(3);
  });

  it('are removed wherever they are', async () => {
    const { redis, keys, ledger, finish } = await fixture();
    const removal = new BatchRemoval(redis, keys);
    const note = { schedule: 's', results: ['/r'], folders: ['f-1'] };
    for (const id of ['a', 'b-s1', 'c-s2']) {
      await finish(id);
      expect(await removal.beginInFolders(id, note)).toBe(true);
    }
    expect(await removal.waiting()).toBe(3);
    expect([...(await removal.unfinished()).keys()].toSorted()).toEqual(['a', 'b-s1', 'c-s2']);
    expect([...(await removal.inFolder('f-1')).keys()].toSorted()).toEqual(['a', 'b-s1', 'c-s2']);
    expect(await removal.finishInFolder('b-s1', 'f-1')).toBe(true);
    expect(await removal.waiting()).toBe(2);
    expect(await ledger.batches()).toEqual([]);
  });

  it('tell of themselves through one outbox', async () => {
    const { redis, keys, ledger } = await fixture();
    const notify = [{ url: 'https://hooks.example/x', on: ['cancelled'] as const }];
    for (const id of ['a', 'b-s1', 'c-s2']) {
      await ledger.register({ ...registration(id, 2), crawl: { ...crawl, notify } });
      await ledger.cancel(id);
    }
    const outbox = new Outbox(redis, keys);
    expect(await outbox.counts()).toEqual({ waiting: 3, lost: 0 });
    expect(await outbox.waiting('b-s1')).toMatchObject([{ batch: 'b-s1', shard: 1 }]);
    const two = await outbox.take(2, 60_000);
    const rest = await outbox.take(5, 60_000);
    const batches = [...two, ...rest].map(({ entry }) => entry.batch);
    expect(batches.toSorted()).toEqual(['a', 'b-s1', 'c-s2']);
    const [one, other] = [...two, ...rest];
    await outbox.remove(one?.entry ?? { key: '', shard: 0 });
    if (other !== undefined) {
      await outbox.postpone(other, { dueInMs: 0, problem: 'it answered 503' });
    }
    expect(await outbox.counts()).toEqual({ waiting: 2, lost: 0 });
    expect(await outbox.take(5, 0)).toMatchObject([{ entry: { attempts: 1 } }]);
  });
});

describe('schedules of several shards', () => {
  it('are in the shard of their batches, and decide by these', async () => {
    const { redis, keys, ledger, finish } = await fixture();
    const store = new ScheduleStore(redis, keys);
    for (const [shard, id] of schedulesOf(keys).entries()) {
      expect(await store.put(id, spec)).toEqual({ change: 'added' });
      const run = await store.runNow(id);
      const batch = run?.batch ?? '';
      expect(keys.shardOf(batch).index).toBe(shard);
      await finish(`other-${shard}`);
      await ledger.register({ ...registration(batch, 2), schedule: id });
      expect(await store.conclude(id, run?.key ?? '', { state: 'started' })).toBe(true);
      await ledger.expanded(batch);
      expect(await store.runNow(id)).toMatchObject({ state: 'skipped' });
      await ledger.settle(batch, [
        { index: 0, ...fetched },
        { index: 1, ...fetched },
      ]);
      expect(await store.get(id)).toMatchObject({ lastSuccess: expect.any(Number) });
      expect(await new ScheduleBatches(redis, ledger, keys).count(id)).toBe(1);
    }
    expect(await store.ids()).toEqual(schedulesOf(keys).toSorted());
    expect((await store.allWithWaitingRun()).map(({ id }) => id)).toEqual(await store.ids());
  });
});
