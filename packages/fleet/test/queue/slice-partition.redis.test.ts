import { packSlice, type PendingFetch, SEVERAL_ORIGINS, unpackSlice } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  type ClaimedSlice,
  Ledger,
  SliceClaims,
  SlicePartition,
  SliceQueue,
} from '../../src/index.ts';
import { freshFleet, registration, rethrow } from '../fixture.ts';

closeAfterEach();

const TOTAL = 6;
const ORIGINS = ['http://a', 'http://b', 'http://c'];

const fetchOf = (index: number): PendingFetch => ({
  index,
  values: [String(index)],
  attempts: 0,
  dueAt: 0,
  throttledSince: 0,
});

/** Two fetches of each origin: 0 and 3 of the first, and so on. */
const byOrigin = new Map(ORIGINS.map((origin, at) => [origin, [fetchOf(at), fetchOf(at + 3)]]));
const whole = packSlice('m', SEVERAL_ORIGINS, [...byOrigin.values()].flat());

async function fixture() {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys);
  const queue = new SliceQueue(redis, keys);
  const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
  await ledger.register({ ...registration('m', TOTAL), mixesOrigins: true });
  await ledger.expanded('m');
  await claims.start();
  await queue.add([whole]);
  const claim = async (): Promise<ClaimedSlice> => {
    for (;;) {
      const claimed = await claims.claim();
      if (claimed !== undefined) {
        return claimed;
      }
    }
  };
  return {
    redis,
    keys,
    ledger,
    queue,
    claim,
    claims,
    partition: async () => {
      const claimed = await claim();
      return { claimed, parts: new SlicePartition(claimed, 'm', byOrigin) };
    },
    /** What a worker finds that claims after this one has died. */
    leftIn: async (id: string): Promise<number[]> => {
      const text = await redis.hget(keys.home.queue(id), 'data');
      return text === null ? [] : unpackSlice(JSON.parse(text)).map(({ index }) => index);
    },
    stop: async () => {
      await claims.stop();
      await queue.stop();
    },
  };
}

const part = (origin: string) => packSlice('m', origin, byOrigin.get(origin) ?? []);

describe('a slice of several origins', () => {
  it('gives up a part while the others go on, and ends without a trace', async () => {
    const { queue, claim, partition, leftIn, stop } = await fixture();
    const { claimed, parts } = await partition();
    await parts.part('http://b').delay({ ...part('http://b'), ticket: 7 }, 50);
    expect(await leftIn('m.0')).toEqual([0, 2, 3, 5]);
    expect(await leftIn('m.0-1')).toEqual([1, 4]);
    const delayed = await claim();
    expect([delayed.id, delayed.data]).toEqual(['m.0-1', { ...part('http://b'), ticket: 7 }]);
    await delayed.complete();
    await parts.part('http://a').complete();
    await parts.part('http://c').complete();
    await parts.end();
    expect(claimed.lost.aborted).toBe(false);
    expect(await queue.counts()).toMatchObject({ active: 0, waiting: 0, delayed: 0 });
    await stop();
  });

  it('ends with the last of its parts, each of which is queued once', async () => {
    const { redis, keys, queue, claim, claims, partition, stop } = await fixture();
    const { parts } = await partition();
    await Promise.all(ORIGINS.map(async (origin) => parts.part(origin).giveBack(part(origin))));
    await parts.end();
    expect(claims.active).toBe(0);
    expect(await queue.counts()).toMatchObject({ active: 0, waiting: 3 });
    expect(await redis.exists(keys.home.queue('m.0'), keys.home.queue('m.0:lock'))).toBe(0);
    const ids: string[] = [];
    while (ids.length < 3) {
      const claimed = await claim();
      ids.push(claimed.id);
      await claimed.complete();
    }
    expect(ids.toSorted()).toEqual(['m.0-0', 'm.0-1', 'm.0-2']);
    await stop();
  });

  it('keeps what it cannot take out, and is tried again', async () => {
    const { queue, claim, partition, leftIn, stop } = await fixture();
    const { parts } = await partition();
    await queue.add([packSlice('m', 'http://b', [fetchOf(1)])], ['m.0-1']);
    await parts.part('http://a').complete();
    await parts.part('http://b').delay(part('http://b'), 50);
    await parts.part('http://c').delay(part('http://c'), 60_000);
    await parts.end();
    expect(await leftIn('m.0')).toEqual([1, 4]);
    expect(await queue.counts()).toMatchObject({ active: 0, delayed: 2 });
    const other = await claim();
    expect(other.id).toBe('m.0-1');
    await other.complete();
    await stop();
  });

  it.each([
    { state: 'cancelled', left: [], counts: { active: 0, delayed: 0 } },
    { state: 'running', left: [3, 4], counts: { active: 0, delayed: 1 } },
  ])('goes as a whole if its batch is cancelled: $state', async ({ state, left, counts }) => {
    const { redis, keys, queue, partition, leftIn, stop } = await fixture();
    const { parts } = await partition();
    await parts.part('http://c').complete();
    await parts.part('http://a').drop(packSlice('m', 'http://a', [fetchOf(3)]), 50);
    await redis.hset(keys.batch('m'), 'state', state);
    await parts.part('http://b').drop(packSlice('m', 'http://b', [fetchOf(4)]), 50);
    await parts.end();
    expect(await leftIn('m.0')).toEqual(left);
    expect(await queue.counts()).toMatchObject(counts);
    await stop();
  });

  it('gives up nothing once its claim is lost', async () => {
    const { redis, keys, partition, leftIn, stop } = await fixture();
    const { claimed, parts } = await partition();
    await redis.set(keys.home.queue('m.0:lock'), 'another worker');
    await expect(parts.part('http://b').delay(part('http://b'), 50)).rejects.toThrow(/lost/);
    expect(await leftIn('m.0')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await leftIn('m.0-1')).toEqual([]);
    await expect(parts.end()).rejects.toThrow(/lost/);
    expect(claimed.id).toBe('m.0');
    await stop();
  });
});

async function again(
  { queue, ledger }: Pick<Awaited<ReturnType<typeof fixture>>, 'queue' | 'ledger'>,
  { isRetried, wanted = whole }: { readonly isRetried: boolean; readonly wanted?: typeof whole },
) {
  const merger = queue.merger({ ledger, isRetried });
  await merger.add([wanted], ['m.0'], [whole]);
  return merger;
}

describe('queueing a slice of several origins again', () => {
  it('adds nothing that a part of it holds, whoever has that', async () => {
    const seen = await fixture();
    const { ledger, queue, claim, partition, stop } = seen;
    const { parts } = await partition();
    await parts.part('http://b').delay(part('http://b'), 60_000);
    await parts.part('http://c').giveBack(part('http://c'));
    const ok = { outcome: 'ok', durationMs: 1, bytes: 1 } as const;
    await ledger.settle('m', [
      { ...ok, index: 0 },
      { ...ok, index: 3 },
    ]);
    await parts.part('http://a').complete();
    await parts.end();
    const held = await claim();
    expect(held.id).toBe('m.0-2');
    await again(seen, { isRetried: false });
    expect(await queue.counts()).toMatchObject({ active: 1, waiting: 0, delayed: 1 });
    await held.complete();
    await stop();
  });

  it('adds it where nothing of it is left in the queue', async () => {
    const seen = await fixture();
    const { claim, stop } = seen;
    await (await claim()).complete();
    await again(seen, { isRetried: false });
    const claimed = await claim();
    expect([claimed.id, claimed.data]).toEqual(['m.0', whole]);
    await claimed.complete();
    await stop();
  });

  it('adds cleared fetches beside the parts, and waits for those that a worker has', async () => {
    const seen = await fixture();
    const { claim, partition, queue, stop } = seen;
    const { parts } = await partition();
    await parts.part('http://b').delay(part('http://b'), 60_000);
    await parts.part('http://c').giveBack(part('http://c'));
    await parts.part('http://a').complete();
    await parts.end();
    const held = await claim();
    const cleared = packSlice('m', SEVERAL_ORIGINS, [0, 2, 4].map(fetchOf));
    const merger = await again(seen, { isRetried: true, wanted: cleared });
    const finished = merger.finish(new AbortController().signal);
    expect(await queue.counts()).toMatchObject({ active: 1, waiting: 0, delayed: 1 });
    await held.complete();
    await finished;
    const claimed = await claim();
    expect([claimed.id, unpackSlice(claimed.data as typeof whole)]).toEqual([
      'm.0',
      [fetchOf(0), fetchOf(2)],
    ]);
    await claimed.complete();
    await stop();
  });
});
