import type { Slice } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { SlicePriorities } from '../../src/queue/slice-priorities.ts';
import { type ClaimedSlice, SliceClaims, SliceQueue } from '../../src/index.ts';
import { freshFleet, rethrow } from '../fixture.ts';

closeAfterEach();

/** `count` slices of 50 fetches of one batch and origin. */
function backlog(batch: string, origin: string, count: number, from = 0): Slice[] {
  return Array.from({ length: count }, (_, i) => ({
    batch,
    origin: `http://${origin}.example`,
    ranges: [(from + i) * 50, 50],
    columns: ['same'],
  }));
}

function originOf(claim: ClaimedSlice): string {
  return (claim.data as Slice).origin.slice('http://'.length, -'.example'.length);
}

async function fixture(maxPriority?: number) {
  const { redis, keys } = await freshFleet();
  const newPriorities = (): SlicePriorities => new SlicePriorities(redis, keys.home, maxPriority);
  const queue = new SliceQueue(redis, keys, newPriorities);
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await claims.start();
  const claim = async (): Promise<ClaimedSlice> => {
    let claimed: ClaimedSlice | undefined;
    while (claimed === undefined) {
      claimed = await claims.claim();
    }
    return claimed;
  };
  return {
    redis,
    keys,
    newPriorities,
    queue,
    claims,
    claim,
    /** Claims and completes slices. @returns the slices */
    take: async (count: number): Promise<ClaimedSlice[]> => {
      const taken: ClaimedSlice[] = [];
      for (let i = 0; i < count; i++) {
        const claimed = await claim();
        await claimed.complete();
        taken.push(claimed);
      }
      return taken;
    },
    clock: async () => {
      const { base = '0', now = '0' } = await redis.hgetall(keys.home.virtualClock);
      return { base: Number(base), now: Number(now) };
    },
    /** Priorities in the queue, in order. */
    priorities: async (): Promise<number[]> => {
      const scores = await redis.zrangebyscore(
        keys.home.queue('prioritized'),
        '-inf',
        '+inf',
        'WITHSCORES',
      );
      return scores
        .filter((_, i) => i % 2 === 1)
        .map((score) => Math.floor(Number(score) / 2 ** 32));
    },
    stop: async (): Promise<void> => {
      await claims.stop();
      await queue.stop();
    },
  };
}

describe('slices of many batches and origins', () => {
  it('are taken in turns: a batch of 10 starts at once beside a batch of 5,000', async () => {
    const { queue, take, clock, stop } = await fixture();
    await queue.add(backlog('big', 'a', 5_000));
    await take(100);
    // The clock is not reported with every claim.
    await eventually(async () => {
      await take(1);
      expect((await clock()).now).toBeGreaterThan(100);
    });
    await queue.add(backlog('small', 'a', 10));
    const taken = await take(25);
    expect(taken.filter(({ id }) => id.startsWith('small'))).toHaveLength(10);
    await stop();
  });

  it('of a batch of high priority come four times as often, and low ones a quarter as often', async () => {
    const { queue, take, stop } = await fixture();
    queue.setShare('low', 'low');
    queue.setShare('high', 'high');
    for (const batch of ['low', 'normal', 'high']) {
      await queue.add(backlog(batch, 'a', 200));
    }
    const ids = (await take(84)).map(({ id }) => id.split('.')[0]);
    const counts = ['low', 'normal', 'high'].map((name) => ids.filter((id) => id === name).length);
    expect(counts).toEqual([4, 16, 64]);
    await stop();
  });

  it('alternate between two origins of a batch, even if one was queued first', async () => {
    const { queue, take, stop } = await fixture();
    await queue.add(backlog('x', 'a', 200));
    await queue.add(backlog('x', 'b', 200, 200));
    const origins = (await take(100)).map(originOf);
    for (let i = 0; i < origins.length; i += 2) {
      expect(origins.slice(i, i + 2).toSorted()).toEqual(['a', 'b']);
    }
    await stop();
  });

  it('are taken in turns if two producers have queued them', async () => {
    const { redis, keys, newPriorities, queue, take, stop } = await fixture();
    const other = new SliceQueue(redis, keys, newPriorities);
    await queue.add(backlog('x', 'a', 300));
    await other.add(backlog('y', 'b', 300));
    const origins = (await take(20)).map(originOf);
    expect(origins.filter((origin) => origin === 'b')).toHaveLength(10);
    await other.stop();
    await stop();
  });

  it('of a batch with 2,000 origins do not crowd out a small batch', async () => {
    const { queue, take, stop } = await fixture();
    const wide = Array.from({ length: 2_000 }, (_, i) => backlog('wide', `o${i}`, 1, i)).flat();
    await queue.add(wide);
    await queue.add(backlog('small', 'a', 3));
    const taken = await take(20);
    expect(taken.filter(({ id }) => id.startsWith('small'))).toHaveLength(3);
    await stop();
  });

  it('come before the backlog after a delay', async () => {
    const { queue, claim, take, stop } = await fixture();
    await queue.add(backlog('x', 'a', 500));
    const early = [await claim(), await claim()];
    for (const claimed of early) {
      await claimed.delay(claimed.data as Slice, 30);
    }
    const dueAt = Date.now() + 30;
    await eventually(() => expect(Date.now()).toBeGreaterThan(dueAt));
    expect((await take(2)).map(({ id }) => id)).toEqual(early.map(({ id }) => id));
    await stop();
  });

  it('keep their priorities when they are added again', async () => {
    const { redis, keys, newPriorities, queue, priorities, take, stop } = await fixture();
    await queue.add(backlog('x', 'a', 100));
    const before = await priorities();
    // A producer that starts again has no finish times.
    const again = new SliceQueue(redis, keys, newPriorities);
    await again.add(backlog('x', 'a', 120));
    expect((await priorities()).slice(0, 100)).toEqual(before);
    expect(await priorities()).toHaveLength(120);
    expect((await take(120)).map(({ id }) => id)).toEqual(
      backlog('x', 'a', 120).map((_, i) => `x.${i * 50}`),
    );
    await again.stop();
    await stop();
  });

  it('wake a waiting worker when they are given back', async () => {
    const { redis, keys, queue, claims, claim, stop } = await fixture();
    const idle = new SliceClaims({ redis, keys, worker: 'w-2', onError: rethrow });
    await idle.start();
    await queue.add(backlog('x', 'a', 1));
    const claimed = await claim();
    let emptyClaims = 0;
    const untilClaimed = async (): Promise<ClaimedSlice> => {
      for (;;) {
        const again = await idle.claim();
        if (again !== undefined) {
          return again;
        }
        emptyClaims += 1;
      }
    };
    const waiting = untilClaimed();
    // The first claim finds nothing, the second one a leftover marker; the third one blocks.
    await eventually(() => expect(emptyClaims).toBe(2));
    await claimed.giveBack(claimed.data as Slice);
    const again = await waiting;
    // BullMQ by itself ends the blocking claim empty and polls again after 5 s.
    expect(emptyClaims).toBe(2);
    await again.complete();
    expect(claims.active).toBe(0);
    await idle.stop();
    await stop();
  });
});

describe('the range of priorities', () => {
  it('starts at 1 again when a producer finds the queue empty', async () => {
    const { queue, take, clock, priorities, stop } = await fixture();
    await queue.add(backlog('x', 'a', 50));
    await take(30);
    await eventually(async () => {
      if ((await priorities()).length > 0) {
        await take(1);
      }
      expect((await clock()).now).toBeGreaterThan(10);
    });
    await take((await priorities()).length);
    const { base, now } = await clock();
    await queue.add(backlog('y', 'a', 2));
    expect(await clock()).toEqual({ base: base + now, now: 0 });
    expect(await priorities()).toEqual([1, 2]);
    await stop();
  });

  it('is raised while slices are queued, active and delayed, and keeps their order', async () => {
    const { redis, keys, queue, claim, take, priorities, clock, stop } = await fixture(200);
    await queue.add(backlog('x', 'a', 150));
    await take(98);
    const active = await claim();
    const delayed = await claim();
    await delayed.delay(delayed.data as Slice, 3_600_000);
    await redis.hset(keys.home.virtualClock, 'now', 100);
    await queue.add(backlog('y', 'b', 1));
    expect(await clock()).toMatchObject({ base: 100, now: 0 });
    expect(await priorities()).toEqual(
      [1, ...Array.from({ length: 50 }, (_, i) => i + 1)].toSorted((a, b) => a - b),
    );
    for (const { id } of [active, delayed]) {
      expect(await redis.hget(keys.home.queue(id), 'priority')).toBe('1');
    }
    await active.giveBack(active.data as Slice);
    const [first, ...rest] = (await take(52)).map(({ id }) => id);
    expect(first).toBe(active.id);
    const own = rest.filter((id) => id.startsWith('x'));
    expect(own).toEqual(backlog('x', 'a', 50, 100).map((_, i) => `x.${(100 + i) * 50}`));
    expect(rest.indexOf('y.0')).toBeLessThanOrEqual(1);
    await stop();
  });

  it('gives slices beyond it the last priority, behind a new batch', async () => {
    const { queue, take, priorities, stop } = await fixture(20);
    await queue.add(backlog('x', 'a', 60));
    expect((await priorities()).at(-1)).toBe(20);
    await queue.add(backlog('y', 'b', 5));
    const ids = (await take(65)).map(({ id }) => id);
    expect(ids.slice(0, 12).filter((id) => id.startsWith('y'))).toHaveLength(5);
    expect(ids.filter((id) => id.startsWith('x'))).toEqual(
      backlog('x', 'a', 60).map((_, i) => `x.${i * 50}`),
    );
    await stop();
  });

  it('never runs out in a fleet that is never idle', async () => {
    const { queue, take, priorities, clock, stop } = await fixture(40);
    await queue.add(backlog('x', 'a', 10));
    const taken: string[] = [];
    let added = 10;
    await eventually(async () => {
      await queue.add(backlog('x', 'a', 5, added));
      added += 5;
      taken.push(...(await take(5)).map(({ id }) => id));
      expect((await clock()).base).toBeGreaterThan(150);
    });
    expect(taken).toEqual(taken.map((_, i) => `x.${i * 50}`));
    expect(Math.max(...(await priorities()))).toBeLessThanOrEqual(40);
    await stop();
  });

  it('lowers slices that got their priority before it was raised and were added after', async () => {
    const { redis, keys, newPriorities, queue, priorities, stop } = await fixture();
    await redis.hset(keys.home.virtualClock, 'now', 1_000);
    const late = newPriorities();
    const own = backlog('x', 'a', 3);
    const assign = late.assign.bind(late);
    const racing = new SliceQueue(redis, keys, () => late);
    // First a slice is queued, so the base stays. Then the queue is empty, and another producer
    // raises the base.
    await redis.set(keys.home.queue('wait'), '');
    late.assign = async (slices) => {
      const assigned = await assign(slices);
      await redis.del(keys.home.queue('wait'));
      await queue.add(backlog('y', 'b', 2));
      return assigned;
    };
    await racing.add(own);
    expect(await priorities()).toEqual([1, 1, 2, 2, 3]);
    await racing.stop();
    await stop();
  });

  it('starts at 1 again when Redis has lost its data', async () => {
    const { redis, keys, queue, priorities, stop } = await fixture();
    await redis.hset(keys.home.virtualClock, 'base', 5_000_000, 'now', 10);
    await queue.add(backlog('x', 'a', 3));
    await redis.del(
      keys.home.virtualClock,
      keys.home.queue('prioritized'),
      ...['0', '50', '100'].map((i) => keys.home.queue(`x.${i}`)),
    );
    await queue.add(backlog('x', 'a', 3));
    expect(await priorities()).toEqual([1, 2, 3]);
    await stop();
  });
});

describe('fair queueing', () => {
  it('takes less than 60 bytes of Redis for each pending fetch', async () => {
    const { redis, queue, stop } = await fixture();
    const used = async (): Promise<number> =>
      Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    const before = await used();
    const slices = backlog('a-batch-20261123-0017-k3f9', 'a', 2_000).map((slice, s) => ({
      ...slice,
      columns: [Array.from({ length: 50 }, (_, i) => String(1_000_000 + s * 50 + i))],
    }));
    await queue.add(slices);
    expect(((await used()) - before) / 100_000).toBeLessThan(60);
    await stop();
  });
});
