import { type Slice, unpackSlice } from '@fetchfleet/crawl';
import { closeAfterEach, startRedis, trackRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  BatchExpansion,
  BatchRemoval,
  type ClaimedSlice,
  connectRedis,
  fleetKeys,
  Ledger,
  Origins,
  Outbox,
  PausedSlices,
  type RedisMemory,
  RobotsStore,
  ScheduleStore,
  SliceClaims,
  SliceQueue,
} from '../../src/index.ts';
import { readSlice } from '../../src/queue/slice-scan.ts';
import { crawl, registration, rethrow } from '../fixture.ts';

closeAfterEach();

const TOTAL = 1_000;
const range = { name: 'n', kind: 'range' as const, from: 1, to: TOTAL };
const small = { ...crawl, sources: [range] };
const measured = {
  local: { original: small, crawl: small },
  total: TOTAL,
  source: '/crawls/test.yaml',
  fingerprint: 'f-test',
};

/** A batch whose slices are queued, in a Redis that refuses every write that may need memory. */
async function fullFleet() {
  const server = await startRedis();
  const redis = await connectRedis(server.url);
  trackRedis(redis, 'Redis connection');
  const keys = fleetKeys('full');
  const ledger = new Ledger(redis, keys);
  const queue = new SliceQueue(redis, keys);
  const expansion = await BatchExpansion.create({ ledger, queue }, measured);
  await expansion.run();
  const waiting = async (): Promise<number> => (await queue.counts())['waiting'] ?? 0;
  const slices = await waiting();
  await redis.config('SET', 'maxmemory', '1');
  await expect(redis.set('x', 'y')).rejects.toThrow('OOM');
  return {
    redis,
    keys,
    ledger,
    slices,
    waiting,
    batch: expansion.status.batch,
    pausedSlices: new PausedSlices(redis, keys),
    stop: async (): Promise<void> => queue.stop(),
  };
}

function dataOf(claimed: ClaimedSlice | undefined): Slice {
  const slice = readSlice(JSON.stringify(claimed?.data ?? null));
  if (slice === undefined) {
    throw new Error('no slice was claimed');
  }
  return slice;
}

describe('a large batch', () => {
  it('leaves room in Redis, and is enqueued to its end when its limit is raised', async () => {
    const server = await startRedis();
    const redis = await connectRedis(server.url);
    trackRedis(redis, 'Redis connection');
    const queue = new SliceQueue(redis);
    const ledger = new Ledger(redis);
    const usedBytes = async (): Promise<number> => {
      await redis.config('SET', 'maxmemory', '1gb');
      return (await queue.memory('b'))?.usedBytes ?? 0;
    };
    const limit = (await usedBytes()) + 4_000_000;
    await redis.config('SET', 'maxmemory', String(limit));
    const large = { ...small, sources: [{ ...range, to: 400_000 }] };
    const local = { original: large, crawl: large };
    const whole = { ...measured, local, total: 400_000 };
    const expansion = await BatchExpansion.create({ ledger, queue }, whole);
    const full = Promise.withResolvers<RedisMemory>();
    const running = expansion.run({ onFull: full.resolve });
    expect(await full.promise).toMatchObject({ maxBytes: limit });
    expect((await queue.memory('b'))?.usedBytes).toBeLessThan(limit * 0.95);
    expect(await redis.set('x', 'y')).toBe('OK');
    expect(await ledger.state(expansion.status.batch)).toBe('expanding');
    await redis.config('SET', 'maxmemory', '0');
    await running;
    expect(await queue.counts()).toMatchObject({ waiting: 8_000 });
    await queue.stop();
  });
});

describe('a full Redis', () => {
  it('refuses a new batch', async () => {
    const { ledger, stop } = await fullFleet();
    await expect(ledger.register(registration('another', 10))).rejects.toThrow('OOM');
    await stop();
  });

  it('registers a new batch that may wait, once there is room', async () => {
    const { redis, keys, ledger, stop } = await fullFleet();
    const queue = new SliceQueue(redis, keys);
    const full = Promise.withResolvers<RedisMemory>();
    const onFull = full.resolve;
    const created = BatchExpansion.create({ ledger, queue }, measured, { id: 'next', onFull });
    expect(await full.promise).toMatchObject({ maxBytes: 1 });
    expect(await ledger.state('next')).toBeUndefined();
    await redis.config('SET', 'maxmemory', '0');
    await (await created).run();
    expect(await ledger.state('next')).toBe('running');
    await queue.stop();
    await stop();
  });

  it('lets a batch be worked off to its end', async () => {
    const { redis, keys, ledger, slices, waiting, batch, stop } = await fullFleet();
    const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
    await claims.start();
    await ledger.open(batch, '/results');
    for (let n = 0; n < slices; n += 1) {
      const slice = await claims.claim();
      const ends = unpackSlice(dataOf(slice)).map(({ index }, at) => ({
        index,
        outcome: at === 0 ? ('timeout' as const) : ('ok' as const),
        durationMs: 1,
        bytes: 1,
      }));
      await ledger.settle(batch, ends);
      await slice?.complete();
    }
    expect(await ledger.status(batch)).toMatchObject({ state: 'finished', failed: slices });
    expect(await waiting()).toBe(0);
    await claims.stop();
    await stop();
  });

  it('lets a slice be delayed, and keeps the claims of workers', async () => {
    const { redis, keys, waiting, slices, stop } = await fullFleet();
    const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
    await claims.start();
    const [one, other] = [await claims.claim(), await claims.claim()];
    await one?.delay(dataOf(one), 60_000);
    await other?.giveBack(dataOf(other));
    expect(await waiting()).toBe(slices - 1);
    await claims.stop();
    await stop();
  });

  it('lets workers drop the slices of a cancelled batch', async () => {
    const { redis, keys, ledger, waiting, slices, batch, stop } = await fullFleet();
    const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
    await claims.start();
    const claimed = await claims.claim();
    expect(await ledger.cancel(batch)).toBe(true);
    await claimed?.drop(dataOf(claimed), 60_000);
    expect(await waiting()).toBe(slices - 1);
    await claims.stop();
    await stop();
  });

  it('lets workers share robots.txt', async () => {
    const { redis, keys, stop } = await fullFleet();
    const store = new RobotsStore(redis, keys);
    expect(await store.claim('http://origin.example', 'w-1')).toBe(true);
    expect(await store.claim('http://origin.example', 'w-2')).toBe(false);
    await store.release('http://origin.example');
    await stop();
  });

  it('lets a batch be paused, resumed, cancelled and removed', async () => {
    const { redis, keys, ledger, pausedSlices, slices, waiting, batch, stop } = await fullFleet();
    expect(await ledger.pause(batch)).toBe(true);
    expect(await pausedSlices.withdraw(batch)).toBe(slices);
    expect(await ledger.unpause(batch)).toBe(true);
    expect(await pausedSlices.requeue(batch)).toBe(slices);
    expect(await ledger.cancel(batch)).toBe(true);
    expect(await pausedSlices.removeAll(batch)).toBe(slices);
    const removal = new BatchRemoval(redis, keys);
    expect(await removal.begin(batch, '/results')).toBe(true);
    await removal.finish(batch);
    expect([await ledger.batches(), await waiting()]).toEqual([[], 0]);
    await stop();
  });

  it('lets one worker check what schedules do not keep, and begin to remove it', async () => {
    const { redis, keys, ledger, batch, stop } = await fullFleet();
    const schedules = new ScheduleStore(redis, keys);
    expect(await schedules.claimCheck('w-1', 60_000)).toBe(true);
    expect(await schedules.claimCheck('w-2', 60_000)).toBe(false);
    await ledger.cancel(batch);
    const removal = new BatchRemoval(redis, keys);
    const note = { folders: ['f-1'], schedule: 'daily', results: ['/results'] };
    expect(await removal.beginInFolders(batch, note)).toBe(true);
    expect([...(await removal.inFolder('f-1')).keys()]).toEqual([batch]);
    expect(await removal.finishInFolder(batch, 'f-1')).toBe(true);
    await stop();
  });

  it('lets a person set limits of an origin and try it, of which workers are told', async () => {
    const { redis, keys, stop } = await fullFleet();
    const origin = 'http://origin.example';
    const origins = new Origins(redis, keys);
    await origins.set(origin, { concurrency: 2 });
    expect(await origins.latest(10)).toEqual([origin]);
    expect(await origins.tryNow(origin)).toEqual([]);
    expect(await origins.unset(origin)).toBe(true);
    expect(await redis.get(keys.gateNotificationCount)).toBe('3');
    await stop();
  });

  it('lets a notification be told, taken, postponed and removed', async () => {
    const { redis, keys, ledger, batch, stop } = await fullFleet();
    const to = { url: 'http://receiver.example/', on: ['cancelled' as const] };
    await ledger.replaceReceivers(batch, TOTAL, { ...small, notify: [to] });
    await ledger.cancel(batch);
    const outbox = new Outbox(redis, keys);
    const taken = await outbox.take(1, 60_000);
    expect(taken).toMatchObject([{ entry: { event: 'cancelled', batch } }]);
    for (const one of taken) {
      await outbox.postpone(one, { dueInMs: 0, problem: 'it did not answer' });
    }
    const again = await outbox.take(1, 60_000);
    expect(again).toMatchObject([{ entry: { attempts: 1 } }]);
    for (const { entry } of again) {
      await outbox.remove(entry);
    }
    expect(await outbox.counts()).toEqual({ waiting: 0, lost: 0 });
    await stop();
  });
});
