import type { Slice } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  type ClaimedSlice,
  Gate,
  Ledger,
  SliceClaims,
  PausedSlices,
  SliceQueue,
  Waitlist,
} from '../../src/index.ts';
import { freshFleet, registration, rethrow, sliceOf } from '../fixture.ts';

closeAfterEach();

const slice = (batch: string, first: number, count = 2): Slice => sliceOf(batch, first, count);

async function fixture() {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys);
  const queue = new SliceQueue(redis, keys);
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await claims.start();
  for (const id of ['a', 'b']) {
    await ledger.register(registration(id, 1_000));
    await ledger.expanded(id);
  }
  return {
    redis,
    keys,
    ledger,
    queue,
    pausedSlices: new PausedSlices(redis, keys),
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

describe('the slices of a paused batch', () => {
  it('leave the queue, and no other slices do', async () => {
    const { ledger, queue, pausedSlices, claim, stop } = await fixture();
    const many = Array.from({ length: 300 }, (_, i) => slice('a', i * 2));
    await queue.add(many);
    await queue.add([slice('b', 0), slice('b', 2)]);
    expect(await pausedSlices.withdraw('a')).toBe(0);
    await ledger.pause('a');
    expect(await pausedSlices.withdraw('a')).toBe(300);
    expect(await pausedSlices.withdraw('a')).toBe(0);
    expect(await queue.counts()).toMatchObject({ waiting: 2, delayed: 0 });
    for (let i = 0; i < 2; i += 1) {
      const claimed = await claim();
      expect(claimed.data).toMatchObject({ batch: 'b' });
      await claimed.complete();
    }
    // Its producer may go on: a paused slice keeps its id.
    await queue.add([slice('a', 0)]);
    expect(await queue.counts()).toMatchObject({ waiting: 0 });
    await ledger.unpause('a');
    expect(await pausedSlices.requeue('a')).toBe(300);
    expect(await pausedSlices.count('a')).toBe(0);
    const back = await claim();
    expect(back.data).toEqual(slice('a', 0));
    await back.complete();
    await stop();
  });

  it('leave the waitlist with those that are delayed, and come back without a ticket', async () => {
    const { redis, keys, ledger, queue, pausedSlices, claim, stop } = await fixture();
    const { origin } = slice('a', 0);
    const gate = new Gate({ redis, keys, worker: 'w-1' });
    await queue.add([slice('a', 0), slice('b', 0)]);
    for (let i = 0; i < 2; i += 1) {
      const claimed = await claim();
      const leaving = { slice: claimed.id, count: 2, ticket: 0 };
      const { ticket } = await gate.defer(origin, leaving);
      await claimed.delay({ ...(claimed.data as Slice), ticket }, 60_000);
    }
    await ledger.pause('a');
    expect(await pausedSlices.withdraw('a')).toBe(1);
    expect(await new Waitlist(redis, keys).next(origin)).toEqual(['b.0']);
    expect(await queue.counts()).toMatchObject({ delayed: 1 });
    await ledger.unpause('a');
    await pausedSlices.requeue('a');
    const back = await claim();
    expect(back.data).toEqual(slice('a', 0));
    await back.complete();
    await ledger.cancel('b');
    expect(await pausedSlices.removeAll('b')).toBe(1);
    expect(await new Waitlist(redis, keys).next(origin)).toEqual([]);
    await stop();
  });

  it('include one that a worker delays, unless the batch was resumed meanwhile', async () => {
    const { ledger, queue, pausedSlices, claim, stop } = await fixture();
    await queue.add([slice('a', 0)]);
    const first = await claim();
    await ledger.pause('a');
    await first.delay(slice('a', 1, 1), 60_000);
    await pausedSlices.withdrawOne('a', first.id);
    expect(await pausedSlices.count('a')).toBe(1);
    await ledger.unpause('a');
    expect(await pausedSlices.requeue('a')).toBe(1);
    const second = await claim();
    expect(second.data).toEqual(slice('a', 1, 1));
    await second.delay(slice('a', 1, 1), 60_000);
    await pausedSlices.withdrawOne('a', second.id);
    expect(await pausedSlices.count('a')).toBe(0);
    const third = await claim();
    expect(third.data).toEqual(slice('a', 1, 1));
    await third.complete();
    await stop();
  });

  it('get new priorities when they are queued again, among what was queued meanwhile', async () => {
    const { ledger, queue, pausedSlices, claim, stop } = await fixture();
    await queue.add(Array.from({ length: 20 }, (_, i) => slice('a', i * 50, 50)));
    await ledger.pause('a');
    await pausedSlices.withdraw('a');
    await queue.add(Array.from({ length: 40 }, (_, i) => slice('b', i * 20, 20)));
    for (let i = 0; i < 20; i += 1) {
      await (await claim()).complete();
    }
    await ledger.unpause('a');
    await pausedSlices.requeue('a');
    const next: unknown[] = [];
    for (let i = 0; i < 10; i += 1) {
      const claimed = await claim();
      next.push(claimed.data);
      await claimed.complete();
    }
    const own = next.filter((data) => (data as Slice).batch === 'a').length;
    expect(own).toBeGreaterThan(0);
    expect(own).toBeLessThan(9);
    await stop();
  });

  it('are removed with all others that no worker has when the batch is cancelled', async () => {
    const { redis, keys, ledger, queue, pausedSlices, claim, stop } = await fixture();
    await queue.add([slice('a', 0)]);
    await (await claim()).delay(slice('a', 0), 60_000);
    // As BullMQ does with the slices of a dead worker.
    await redis.hset(keys.slice('a.30'), 'data', JSON.stringify(slice('a', 30)));
    await redis.lpush(keys.home.queue('wait'), 'a.30', 'b.30');
    await queue.add([slice('a', 10), slice('a', 20), slice('b', 0)]);
    expect(await pausedSlices.removeAll('a')).toBe(0);
    await ledger.pause('a');
    await pausedSlices.withdraw('a');
    await ledger.cancel('a');
    expect(await pausedSlices.removeAll('a')).toBe(4);
    expect(await queue.counts()).toMatchObject({ waiting: 2, delayed: 0 });
    expect(await redis.lrange(keys.home.queue('wait'), 0, -1)).toEqual(['b.30']);
    expect(await redis.keys(`${keys.home.queue('a.')}*`)).toEqual([]);
    await stop();
  });
});

describe('merging', () => {
  it('queues a missing slice, completes a queued one, and waits for one that a worker has', async () => {
    const { ledger, queue, claim, stop } = await fixture();
    const whole = [slice('a', 0, 4), slice('a', 4, 4), slice('a', 8, 4)];
    const ids = ['a.0', 'a.4', 'a.8'];
    await queue.add(whole);
    const done = await claim();
    await done.complete();
    const left = await claim();
    await left.delay({ ...slice('a', 7, 1), ticket: 12 }, 50);
    const held = await claim();
    expect(held.id).toBe('a.8');
    await ledger.settle('a', [{ index: 6, outcome: 'ok', durationMs: 1, bytes: 1 }]);

    const merger = queue.merger({ ledger, isRetried: true });
    await merger.add(whole, ids, whole);
    const finished = merger.finish(new AbortController().signal);
    await held.delay(slice('a', 9, 1), 50);
    await finished;
    const found: unknown[] = [];
    for (let i = 0; i < 3; i += 1) {
      const claimed = await claim();
      found.push([claimed.id, claimed.data]);
      await claimed.complete();
    }
    expect(new Map(found as [string, Slice][])).toEqual(
      new Map<string, unknown>([
        ['a.0', slice('a', 0, 4)],
        // A fetch that was settled meanwhile is not queued.
        [
          'a.4',
          { ...slice('a', 4, 2), ranges: [4, 2, 7, 1], columns: [['4', '5', '7']], ticket: 12 },
        ],
        ['a.8', slice('a', 8, 4)],
      ]),
    );
    await stop();
  });

  it('replaces a damaged slice', async () => {
    const { redis, keys, ledger, queue, claim, stop } = await fixture();
    await queue.add([slice('a', 0, 4)]);
    await redis.hset(keys.home.queue('a.0'), 'data', '{"batch":');
    await ledger.settle('a', [{ index: 0, outcome: 'ok', durationMs: 1, bytes: 1 }]);
    const merger = queue.merger({ ledger, isRetried: true });
    await merger.add([slice('a', 0, 4)], ['a.0'], [slice('a', 0, 4)]);
    await merger.finish(new AbortController().signal);
    const claimed = await claim();
    expect([claimed.id, claimed.data]).toEqual(['a.0', slice('a', 1, 3)]);
    await claimed.complete();
    await stop();
  });
});

describe('rejected slices', () => {
  it('are removed for one batch, which frees their ids', async () => {
    const { queue, claim, stop } = await fixture();
    await queue.add([slice('a', 0), slice('a', 2), slice('b', 0)]);
    for (let i = 0; i < 3; i += 1) {
      await (await claim()).reject(new Error('not ours'));
    }
    expect(await queue.rejected.count('a')).toBe(2);
    expect(await queue.rejected.remove('a')).toBe(2);
    expect(await queue.rejected.remove('a')).toBe(0);
    expect(await queue.counts()).toMatchObject({ failed: 1, waiting: 0 });
    await queue.add([slice('a', 0), slice('b', 0)]);
    expect(await queue.counts()).toMatchObject({ failed: 1, waiting: 1 });
    await stop();
  });
});
