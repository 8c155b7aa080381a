import type { Slice } from '@fetchfleet/crawl';
import { eventually, closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { ClaimLostError, type ClaimedSlice, SliceClaims, SliceQueue } from '../../src/index.ts';
import { freshFleet, rethrow, sliceOf } from '../fixture.ts';

closeAfterEach();

const slice = (first: number, count = 2): Slice => sliceOf('b', first, count);

async function fixture() {
  const { redis, keys } = await freshFleet();
  const queue = new SliceQueue(redis, keys);
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await claims.start();
  const stop = async (): Promise<void> => {
    await claims.stop();
    await queue.stop();
  };
  const claim = async (): Promise<ClaimedSlice> => {
    let claimed: ClaimedSlice | undefined;
    while (claimed === undefined) {
      claimed = await claims.claim();
    }
    return claimed;
  };
  return { redis, keys, queue, claims, claim, stop };
}

describe('the slice queue', () => {
  it('queues a slice once, however often it is added', async () => {
    const { queue, stop } = await fixture();
    await queue.add([slice(0), slice(2)]);
    await queue.add([slice(0), slice(2), slice(4)]);
    expect(await queue.counts()).toMatchObject({ waiting: 3 });
    await stop();
  });

  it('frees the id of a completed slice', async () => {
    const { queue, claim, stop } = await fixture();
    await queue.add([slice(0)]);
    const claimed = await claim();
    expect(claimed.data).toEqual(slice(0));
    await claimed.complete();
    expect(await queue.counts()).toEqual({ active: 0, waiting: 0, delayed: 0, failed: 0 });
    await queue.add([slice(0)]);
    expect(await queue.counts()).toMatchObject({ waiting: 1 });
    await stop();
  });

  it('delivers a slice with damaged data, so that the worker can reject it', async () => {
    const { redis, keys, queue, claim, stop } = await fixture();
    await queue.add([slice(0)]);
    await redis.hset(keys.home.queue('b.0'), 'data', '{"broken');
    const claimed = await claim();
    expect(claimed).toMatchObject({ id: 'b.0', data: null });
    await claimed.reject(new Error('damaged'));
    expect(await queue.counts()).toMatchObject({ active: 0, failed: 1 });
    await stop();
  });

  it('delivers the rest of a slice after its delay, and counts no redelivery', async () => {
    const { queue, claim, stop } = await fixture();
    await queue.add([slice(0)]);
    await (await claim()).delay(slice(1, 1), 50);
    expect(await queue.counts()).toMatchObject({ delayed: 1, waiting: 0 });
    const again = await claim();
    expect(again.id).toBe('b.0');
    expect(again.data).toEqual(slice(1, 1));
    expect(again.redeliveries).toBe(0);
    await again.complete();
    await stop();
  });

  it('drops a slice only if its batch is cancelled at that moment, and only for its worker', async () => {
    const { redis, keys, queue, claim, stop } = await fixture();
    await queue.add([slice(0)]);
    const resumed = await claim();
    await redis.hset(keys.batch('b'), 'state', 'running');
    await resumed.drop(slice(1, 1), 50);
    const cancelled = await claim();
    expect(cancelled.data).toEqual(slice(1, 1));
    await redis.hset(keys.batch('b'), 'state', 'cancelled');
    const lock = keys.home.queue('b.0:lock');
    const token = (await redis.get(lock)) ?? '';
    await redis.set(lock, 'another worker');
    await expect(cancelled.drop(slice(1, 1), 50)).rejects.toThrow(ClaimLostError);
    expect(await queue.counts()).toMatchObject({ active: 1 });
    await redis.set(lock, token);
    await cancelled.drop(slice(1, 1), 50);
    expect(await queue.counts()).toEqual({ active: 0, waiting: 0, delayed: 0, failed: 0 });
    expect(await redis.exists(keys.home.queue('b.0'), lock)).toBe(0);
    await stop();
  });

  it('counts the workers that a slice has lost since it got any further', async () => {
    const { redis, keys, queue, claim, stop } = await fixture();
    await queue.add([slice(0)]);
    const lost: number[] = [];
    for (const [died, stand] of Object.entries(['', 'a', 'a', 'a', 'b', 'b', 'c'])) {
      await redis.hset(keys.home.queue('b.0'), 'stc', died);
      const claimed = await claim();
      lost.push(stand === '' ? claimed.redeliveries : await claimed.lostInVain(stand));
      await claimed.giveBack(slice(0));
    }
    expect(lost).toEqual([0, 1, 2, 3, 1, 2, 1]);
    const frozen = await claim();
    await redis.set(`${keys.home.queue('b.0')}:lock`, 'w-2:7');
    await expect(frozen.lostInVain('d')).rejects.toThrow(ClaimLostError);
    await stop();
  });

  it('delivers a slice that was given back before all others', async () => {
    const { queue, claim, stop } = await fixture();
    await queue.add([slice(0), slice(2)]);
    const first = await claim();
    expect(first.id).toBe('b.0');
    await first.giveBack(slice(0));
    expect((await claim()).id).toBe('b.0');
    await stop();
  });

  it('keeps a rejected slice among the failed jobs', async () => {
    const { queue, claim, stop } = await fixture();
    await queue.add([slice(0)]);
    await (await claim()).reject(new Error('not ours'));
    expect(await queue.counts()).toMatchObject({ failed: 1, active: 0 });
    await stop();
  });

  it('throws ClaimLostError when a lost claim is ended', async () => {
    const { queue, claim, keys, redis, stop } = await fixture();
    await queue.add([slice(0)]);
    const claimed = await claim();
    // As after a stall: another worker has the lock.
    await redis.set(`${keys.home.queuePrefix}:slices:b.0:lock`, 'w-2:7');
    await expect(claimed.complete()).rejects.toThrow(ClaimLostError);
    await stop();
  });

  it.each(['delay', 'giveBack'] as const)(
    'keeps what another worker has made of the slice when a frozen one calls %s',
    async (end) => {
      const { queue, claim, keys, redis, stop } = await fixture();
      await queue.add([slice(0)]);
      const frozen = await claim();
      await redis.set(`${keys.home.queue('b.0')}:lock`, 'w-2:7');
      await redis.hset(keys.home.queue('b.0'), 'data', JSON.stringify(slice(1, 1)));
      const ended = end === 'delay' ? frozen.delay(slice(0), 0) : frozen.giveBack(slice(0));
      await expect(ended).rejects.toThrow(ClaimLostError);
      const data = await redis.hget(keys.home.queue('b.0'), 'data');
      expect(JSON.parse(data ?? '')).toEqual(slice(1, 1));
      await stop();
    },
  );

  it('does not bring a removed slice back when its worker ends', async () => {
    const { queue, claim, keys, redis, stop } = await fixture();
    await queue.add([slice(0)]);
    const claimed = await claim();
    await redis.del(keys.home.queue('b.0'));
    await expect(claimed.delay(slice(0), 0)).rejects.toThrow(ClaimLostError);
    expect(await redis.exists(keys.home.queue('b.0'))).toBe(0);
    await stop();
  });

  it('names the slices that do not come when they are woken', async () => {
    const { queue, claim, keys, redis, stop } = await fixture();
    await queue.add([slice(0), slice(2), slice(4), slice(6), slice(8)]);
    await (await claim()).delay(slice(0), 60_000);
    await claim();
    await (await claim()).reject(new Error('not ours'));
    // As a paused one: it exists, and is not in the queue.
    await redis.zrem(keys.home.queue('prioritized'), 'b.6');
    const ids = ['b.0', 'b.2', 'b.4', 'b.6', 'b.8', 'b.99'];
    expect(await queue.wakeSlices(ids)).toEqual(['b.4', 'b.6', 'b.99']);
    expect(await queue.counts()).toMatchObject({ waiting: 2, delayed: 0, active: 1 });
    // As one of a worker that has died.
    await redis.rpush(keys.home.queue('wait'), 'b.10');
    expect(await queue.findQueued([...ids, 'b.10'])).toEqual(['b.0', 'b.8', 'b.10']);
    await stop();
  });

  it('notices a lost claim at the next renewal, and renews the others', async () => {
    const { queue, claim, keys, redis, stop } = await fixture();
    await queue.add([slice(0), slice(2), slice(4)]);
    const claimed = [await claim(), await claim(), await claim()];
    const lockOf = ({ id }: ClaimedSlice): string => `${keys.home.queue(id)}:lock`;
    const [first, lost, last] = claimed;
    if (first === undefined || lost === undefined || last === undefined) {
      throw new Error('too few claims');
    }
    await redis.set(lockOf(lost), 'w-2:7');
    await redis.pexpire(lockOf(first), 9_000);
    await redis.pexpire(lockOf(last), 9_000);
    await eventually(() => expect(lost.lost.aborted).toBe(true));
    await expect(lost.delay(slice(0), 0)).rejects.toThrow(ClaimLostError);
    for (const kept of [first, last]) {
      expect(kept.lost.aborted).toBe(false);
      expect(await redis.pttl(lockOf(kept))).toBeGreaterThan(9_000);
    }
    await stop();
  });

  it('stops at once while a claim waits for a slice', async () => {
    const { claims, stop } = await fixture();
    await claims.claim();
    const waiting = claims.claim();
    const before = performance.now();
    await stop();
    await waiting;
    // Without the stop it blocks for 5 s.
    expect(performance.now() - before).toBeLessThan(4_500);
  });
});
