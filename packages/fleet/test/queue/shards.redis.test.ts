import type { Slice } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  countSlices,
  FleetOverview,
  PausedSlices,
  SliceClaims,
  SliceQueue,
} from '../../src/index.ts';
import { freshFleet, rethrow, sliceOf } from '../fixture.ts';
import { BATCHES, batchOf, next, shardedFleet } from './shards-fixture.ts';

closeAfterEach();

describe('slices of several shards', () => {
  it('are in the shard of their batch, and counted together', async () => {
    const { redis, keys, queue, add, stop } = await shardedFleet();
    await add(2);
    const lengths = keys.shards.map(async (shard) => redis.zcard(shard.queue('prioritized')));
    expect(await Promise.all(lengths)).toEqual([2, 2, 2]);
    expect(await queue.counts()).toMatchObject({ waiting: 6, active: 0 });
    expect(await countSlices(redis, keys, 'b-s2')).toMatchObject({ queued: 2 });
    const { backlog, slices, unfinished, batches } = await new FleetOverview(redis, keys).read();
    expect({ backlog, slices }).toMatchObject({
      backlog: { runnable: 12 },
      slices: { waiting: 6 },
    });
    expect(unfinished.map(({ batch }) => batch)).toEqual(['b-s2', 'b-s1', 'b']);
    expect(batches.running).toBe(3);
    await stop();
  });

  it('are claimed in turn, however much there is in one shard', async () => {
    const { queue, claims, add, stop } = await shardedFleet();
    await queue.add(Array.from({ length: 40 }, (_, n) => sliceOf('long-s1', n * 2, 2)));
    await add(2);
    const order: string[] = [];
    for (let n = 0; n < 7; n += 1) {
      const slice = await next(claims);
      order.push(batchOf(slice));
      await slice.complete();
    }
    expect(order).toEqual(['b', 'long-s1', 'b-s2', 'b', 'long-s1', 'b-s2', 'long-s1']);
    await stop();
  });

  it('are claimed by a worker that waits at all of them, whichever they come to', async () => {
    const { redis, queue, claims, stop } = await shardedFleet();
    for (const batch of [...BATCHES, ...BATCHES]) {
      const claiming = next(claims);
      await eventually(async () => {
        const waiting = /^blocked_clients:(\d+)/m.exec(await redis.info('clients'))?.[1];
        expect(Number(waiting)).toBeGreaterThanOrEqual(BATCHES.length);
      });
      await queue.add([sliceOf(batch, 0, 2)]);
      const slice = await claiming;
      expect(slice.id).toBe(`${batch}.0`);
      await slice.complete();
    }
    await stop();
  });

  it('go back when they come to a worker that has got another one', async () => {
    const { queue, claims, all, stop } = await shardedFleet({ workers: ['w-1', 'w-2'] });
    const claiming = next(claims);
    await queue.add([sliceOf('b', 0, 2)]);
    const first = await claiming;
    // This worker still waits at the other shards, and is full.
    await queue.add([sliceOf('b-s1', 0, 2), sliceOf('b-s2', 0, 2)]);
    const [, other = claims] = all;
    const rest = [await next(other), await next(other)];
    expect(rest.map(batchOf).toSorted()).toEqual(['b-s1', 'b-s2']);
    expect([claims.active, other.active]).toEqual([1, 2]);
    await Promise.all([first, ...rest].map(async (slice) => slice.complete()));
    expect(await queue.counts()).toEqual({ active: 0, waiting: 0, delayed: 0, failed: 0 });
    await stop();
  });

  it('are woken and missed wherever they are', async () => {
    const { queue, claims, add, stop } = await shardedFleet();
    await add(1);
    for (let n = 0; n < 3; n += 1) {
      const slice = await next(claims);
      await slice.delay(slice.data as Slice, 60_000); // this test has added it
    }
    const ids = BATCHES.map((batch) => `${batch}.0`);
    expect(await queue.findGone([...ids, 'b-s1.8'])).toEqual(['b-s1.8']);
    expect(await queue.wakeSlices([...ids, 'b-s2.8'])).toEqual(['b-s2.8']);
    expect(await queue.counts()).toMatchObject({ waiting: 3, delayed: 0 });
    await stop();
  });

  it('are paused, queued again and removed with their batch alone', async () => {
    const { redis, keys, queue, ledger, add, stop } = await shardedFleet();
    await add(3);
    const paused = new PausedSlices(redis, keys);
    await ledger.pause('b-s1');
    expect(await paused.withdraw('b-s1')).toBe(3);
    expect(await queue.counts()).toMatchObject({ waiting: 6 });
    await ledger.unpause('b-s1');
    expect(await paused.requeue('b-s1')).toBe(3);
    await ledger.cancel('b-s2');
    expect(await paused.removeAll('b-s2')).toBe(3);
    expect(await queue.counts()).toMatchObject({ waiting: 6 });
    await stop();
  });

  it('are claimed when their fleet gets shards after the worker has started', async () => {
    const { redis, keys } = await freshFleet();
    const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
    await claims.start();
    const queue = new SliceQueue(redis, keys);
    keys.setShards(2);
    await queue.add([sliceOf('b-s1', 0, 2)]);
    const slice = await next(claims);
    expect(slice.id).toBe('b-s1.0');
    await slice.complete();
    await eventually(async () => (await queue.counts())['active'] === 0);
    await claims.stop();
    await queue.stop();
  });
});
