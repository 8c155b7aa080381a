import type { Slice } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { FairOrder } from '../../src/queue/fair-order.ts';
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
  const order = (): FairOrder => new FairOrder(redis, keys, maxPriority);
  const queue = new SliceQueue(redis, keys, order());
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await claims.start();
  const claim = async (): Promise<ClaimedSlice> => {
    let claimed: ClaimedSlice | undefined;
    while (claimed === undefined) claimed = await claims.claim();
    return claimed;
  };
  return {
    redis,
    keys,
    order,
    queue,
    claims,
    claim,
    /** Claims and completes so many, and tells what they were. */
    serve: async (count: number): Promise<ClaimedSlice[]> => {
      const served: ClaimedSlice[] = [];
      for (let i = 0; i < count; i++) {
        const claimed = await claim();
        await claimed.complete();
        served.push(claimed);
      }
      return served;
    },
    clock: async () => {
      const { base = '0', now = '0' } = await redis.hgetall(keys.fairClock);
      return { base: Number(base), now: Number(now) };
    },
    /** Tags as they stand in the queue. */
    tags: async (): Promise<number[]> => {
      const scores = await redis.zrangebyscore(
        keys.queue('prioritized'),
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
  it('take turns: a batch of 10 comes at once behind one of 5,000', async () => {
    const { queue, serve, clock, stop } = await fixture();
    await queue.add(backlog('big', 'a', 5_000));
    await serve(100);
    // The time is told now and then, not with every claim.
    await eventually(async () => {
      await serve(1);
      expect((await clock()).now).toBeGreaterThan(100);
    });
    await queue.add(backlog('small', 'a', 10));
    const served = await serve(25);
    expect(served.filter(({ id }) => id.startsWith('small'))).toHaveLength(10);
    await stop();
  });

  it('alternate between two origins of a batch, although all of one was queued before', async () => {
    const { queue, serve, stop } = await fixture();
    await queue.add(backlog('x', 'a', 200));
    await queue.add(backlog('x', 'b', 200, 200));
    const origins = (await serve(100)).map(originOf);
    for (let i = 0; i < origins.length; i += 2) {
      expect(origins.slice(i, i + 2).toSorted()).toEqual(['a', 'b']);
    }
    await stop();
  });

  it('take turns across producers that know nothing of each other', async () => {
    const { redis, keys, order, queue, serve, stop } = await fixture();
    const other = new SliceQueue(redis, keys, order());
    await queue.add(backlog('x', 'a', 300));
    await other.add(backlog('y', 'b', 300));
    const origins = (await serve(20)).map(originOf);
    expect(origins.filter((origin) => origin === 'b')).toHaveLength(10);
    await other.stop();
    await stop();
  });

  it('leave no way for a batch of 2,000 origins to crowd out a small one', async () => {
    const { queue, serve, stop } = await fixture();
    const wide = Array.from({ length: 2_000 }, (_, i) => backlog('wide', `o${i}`, 1, i)).flat();
    await queue.add(wide);
    await queue.add(backlog('small', 'a', 3));
    const served = await serve(20);
    expect(served.filter(({ id }) => id.startsWith('small'))).toHaveLength(3);
    await stop();
  });

  it('come back from a delay before the backlog behind them', async () => {
    const { queue, claim, serve, stop } = await fixture();
    await queue.add(backlog('x', 'a', 500));
    const early = [await claim(), await claim()];
    for (const claimed of early) await claimed.delay(claimed.data as Slice, 30);
    await eventually(async () => {
      const [next] = await serve(1);
      expect(early.map(({ id }) => id)).toContain(next?.id);
    });
    expect((await serve(1))[0]?.id).toMatch(/^x\.(0|50)$/);
    await stop();
  });

  it('stand where they stood when they are added again, and the time with them', async () => {
    const { redis, keys, order, queue, tags, serve, stop } = await fixture();
    await queue.add(backlog('x', 'a', 100));
    const before = await tags();
    // A producer that was killed remembers nothing.
    const again = new SliceQueue(redis, keys, order());
    await again.add(backlog('x', 'a', 120));
    expect((await tags()).slice(0, 100)).toEqual(before);
    expect(await tags()).toHaveLength(120);
    expect((await serve(120)).map(({ id }) => id)).toEqual(
      backlog('x', 'a', 120).map((_, i) => `x.${i * 50}`),
    );
    await again.stop();
    await stop();
  });

  it('wake a worker that waits when they are given back', async () => {
    const { redis, keys, queue, claims, claim, stop } = await fixture();
    const idle = new SliceClaims({ redis, keys, worker: 'w-2', onError: rethrow });
    await idle.start();
    await queue.add(backlog('x', 'a', 1));
    const claimed = await claim();
    let inVain = 0;
    const untilClaimed = async (): Promise<ClaimedSlice> => {
      for (;;) {
        const again = await idle.claim();
        if (again !== undefined) return again;
        inVain += 1;
      }
    };
    const waiting = untilClaimed();
    // Once to find nothing, once for the marker that the first claim has left: the third one blocks.
    await eventually(() => expect(inVain).toBe(2));
    const before = performance.now();
    await claimed.giveBack(claimed.data as Slice);
    const again = await waiting;
    // BullMQ by itself looks again after 5 s.
    expect(performance.now() - before).toBeLessThan(2_500);
    await again.complete();
    expect(claims.active).toBe(0);
    await idle.stop();
    await stop();
  });
});

describe('the range of priorities', () => {
  it('begins anew whenever a producer finds nothing queued, and later slices keep their turns', async () => {
    const { queue, serve, clock, tags, stop } = await fixture();
    await queue.add(backlog('x', 'a', 50));
    await serve(30);
    await eventually(async () => {
      if ((await tags()).length > 0) await serve(1);
      expect((await clock()).now).toBeGreaterThan(10);
    });
    await serve((await tags()).length);
    const { base, now } = await clock();
    await queue.add(backlog('y', 'a', 2));
    expect(await clock()).toEqual({ base: base + now, now: 0 });
    expect(await tags()).toEqual([1, 2]);
    await stop();
  });

  it('moves on while slices are queued, active and delayed, and keeps their order', async () => {
    const { redis, keys, queue, claim, serve, tags, clock, stop } = await fixture(200);
    await queue.add(backlog('x', 'a', 150));
    await serve(98);
    const active = await claim();
    const delayed = await claim();
    await delayed.delay(delayed.data as Slice, 3_600_000);
    await redis.hset(keys.fairClock, 'now', 100);
    await queue.add(backlog('y', 'b', 1));
    expect(await clock()).toMatchObject({ base: 100, now: 0 });
    expect(await tags()).toEqual(
      [1, ...Array.from({ length: 50 }, (_, i) => i + 1)].toSorted((a, b) => a - b),
    );
    for (const { id } of [active, delayed]) {
      expect(await redis.hget(keys.queue(id), 'priority')).toBe('1');
    }
    await active.giveBack(active.data as Slice);
    const [first, ...rest] = (await serve(52)).map(({ id }) => id);
    expect(first).toBe(active.id);
    const own = rest.filter((id) => id.startsWith('x'));
    expect(own).toEqual(backlog('x', 'a', 50, 100).map((_, i) => `x.${(100 + i) * 50}`));
    expect(rest.indexOf('y.0')).toBeLessThanOrEqual(1);
    await stop();
  });

  it('serves what does not fit in the order it came, and a new batch before it', async () => {
    const { queue, serve, tags, stop } = await fixture(20);
    await queue.add(backlog('x', 'a', 60));
    expect((await tags()).at(-1)).toBe(20);
    await queue.add(backlog('y', 'b', 5));
    const ids = (await serve(65)).map(({ id }) => id);
    expect(ids.slice(0, 12).filter((id) => id.startsWith('y'))).toHaveLength(5);
    expect(ids.filter((id) => id.startsWith('x'))).toEqual(
      backlog('x', 'a', 60).map((_, i) => `x.${i * 50}`),
    );
    await stop();
  });

  it('never ends for a fleet that is never idle', async () => {
    const { queue, serve, tags, clock, stop } = await fixture(40);
    await queue.add(backlog('x', 'a', 10));
    const served: string[] = [];
    let added = 10;
    await eventually(
      async () => {
        await queue.add(backlog('x', 'a', 5, added));
        added += 5;
        served.push(...(await serve(5)).map(({ id }) => id));
        expect((await clock()).base).toBeGreaterThan(150);
      },
      { deadlineMs: 30_000 },
    );
    expect(served).toEqual(served.map((_, i) => `x.${i * 50}`));
    expect(Math.max(...(await tags()))).toBeLessThanOrEqual(40);
    await stop();
  });

  it('moves slices that were tagged before it moved and added after', async () => {
    const { redis, keys, order, queue, tags, stop } = await fixture();
    await redis.hset(keys.fairClock, 'now', 1_000);
    const late = order();
    const own = backlog('x', 'a', 3);
    const assign = late.assign.bind(late);
    const racing = new SliceQueue(redis, keys, late);
    // Something is queued, so the time stands; then all of it is done, and another producer begins anew.
    await redis.set(keys.queue('wait'), '');
    late.assign = async (slices) => {
      const turns = await assign(slices);
      await redis.del(keys.queue('wait'));
      await queue.add(backlog('y', 'b', 2));
      return turns;
    };
    await racing.add(own);
    expect(await tags()).toEqual([1, 1, 2, 2, 3]);
    await racing.stop();
    await stop();
  });

  it('begins at 1 again when Redis has lost its memory', async () => {
    const { redis, keys, queue, tags, stop } = await fixture();
    await redis.hset(keys.fairClock, 'base', 5_000_000, 'now', 10);
    await queue.add(backlog('x', 'a', 3));
    await redis.del(
      keys.fairClock,
      keys.queue('prioritized'),
      ...['0', '50', '100'].map((i) => keys.queue(`x.${i}`)),
    );
    await queue.add(backlog('x', 'a', 3));
    expect(await tags()).toEqual([1, 2, 3]);
    await stop();
  });
});

describe('the price of taking turns', () => {
  it('is less than 60 bytes of Redis for a pending fetch, all told', async () => {
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
