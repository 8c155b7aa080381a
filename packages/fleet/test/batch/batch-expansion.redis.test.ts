import type { Slice } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  BatchExpansion,
  BatchRemoval,
  Ledger,
  PausedSlices,
  type Settlement,
  SliceClaims,
  SliceQueue,
} from '../../src/index.ts';
import { crawl, freshFleet, rethrow } from '../fixture.ts';

closeAfterEach();

const TOTAL = 100;
const small = { ...crawl, sources: [{ name: 'n', kind: 'range' as const, from: 1, to: TOTAL }] };
const measured = {
  local: { original: small, crawl: small },
  total: TOTAL,
  source: '/crawls/test.yaml',
  fingerprint: 'f-test',
};

const ok = (index: number): Settlement => ({ index, outcome: 'ok', durationMs: 1, bytes: 1 });
const failed = (index: number): Settlement => ({ ...ok(index), outcome: 'timeout' });

async function fixture() {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys);
  const queue = new SliceQueue(redis, keys);
  const target = { ledger, queue };
  return {
    redis,
    keys,
    ledger,
    pausedSlices: new PausedSlices(redis, keys),
    target,
    /** A batch whose slices are queued, as another producer sees it. */
    known: async () => {
      const expansion = await BatchExpansion.create(target, measured);
      await expansion.run();
      return { status: expansion.status, crawl: small };
    },
    /** Claims and completes slices. @returns how many of them were of each batch */
    take: async (count: number): Promise<Record<string, number>> => {
      const claims = new SliceClaims({ redis, keys, worker: 'w-1', onError: rethrow });
      await claims.start();
      const taken: Record<string, number> = {};
      for (let left = count; left > 0;) {
        const claimed = await claims.claim();
        if (claimed !== undefined) {
          const { batch } = claimed.data as Slice;
          taken[batch] = (taken[batch] ?? 0) + 1;
          left -= 1;
          await claimed.complete();
        }
      }
      await claims.stop();
      return taken;
    },
    waiting: async (): Promise<number> => (await queue.counts())['waiting'] ?? 0,
    stop: async (): Promise<void> => queue.stop(),
  };
}

describe('a new batch', () => {
  it('is registered, queued and running', async () => {
    const { ledger, target, waiting, stop } = await fixture();
    const expansion = await BatchExpansion.create(target, measured);
    const { batch, state } = expansion.status;
    expect(state).toBe('expanding');
    expect(await waiting()).toBe(0);
    expect(await expansion.run()).toBe(true);
    expect(await waiting()).toBeGreaterThan(0);
    expect(await ledger.state(batch)).toBe('running');
    expect(await ledger.holdExpansion(batch, 'somebody else', 1_000)).toBe(true);
    await stop();
  });

  it('cannot be taken over while its producer lives', async () => {
    const { target, waiting, stop } = await fixture();
    const expansion = await BatchExpansion.create(target, measured);
    const other = BatchExpansion.complete(target, { status: expansion.status, crawl: small });
    expect(await other.run({ timeoutMs: 300 })).toBe(false);
    expect(await waiting()).toBe(0);
    const takeOver = other.takeOver();
    await expansion.run();
    expect(await takeOver).toBe(false);
    expect(await expansion.run()).toBe(true);
    await stop();
  });

  it('is completed if it is created again under the same id', async () => {
    const { ledger, target, waiting, stop } = await fixture();
    const first = await BatchExpansion.create(target, measured, { id: 'same-id' });
    await first.run();
    const slices = await waiting();
    const settled = Array.from({ length: TOTAL }, (_, index) => ok(index)).slice(1);
    await ledger.settle('same-id', settled);
    const second = await BatchExpansion.create(
      target,
      { ...measured, total: 7 },
      { id: 'same-id' },
    );
    expect(second.status).toMatchObject({ total: TOTAL, settled: TOTAL - 1 });
    expect(await second.run()).toBe(true);
    expect(await waiting()).toBe(slices);
    await stop();
  });

  it('stays cancelled if it is cancelled during its expansion', async () => {
    const { ledger, target, stop } = await fixture();
    const expansion = await BatchExpansion.create(target, measured);
    await ledger.cancel(expansion.status.batch);
    await expansion.run();
    expect(await ledger.state(expansion.status.batch)).toBe('cancelled');
    await stop();
  });

  it.each(['cancelled', 'removed'])(
    'that is %s during its expansion keeps no slice',
    async (end) => {
      const { redis, keys, ledger, pausedSlices, target, waiting, stop } = await fixture();
      const total = 400_000;
      const large = {
        ...small,
        sources: [{ name: 'n', kind: 'range' as const, from: 1, to: total }],
      };
      const local = { original: large, crawl: large };
      const expansion = await BatchExpansion.create(target, { ...measured, local, total });
      const { batch } = expansion.status;
      const running = expansion.run();
      await eventually(async () => (await waiting()) > 500, { intervalMs: 5 });
      await ledger.cancel(batch);
      await pausedSlices.removeAll(batch);
      if (end === 'removed') {
        const removal = new BatchRemoval(redis, keys);
        await removal.begin(batch);
        await removal.finish(batch);
      }
      expect(await running).toBe(false);
      expect(await waiting()).toBe(0);
      const left = await redis.keys(`${keys.home.queuePrefix}*${batch}*`);
      expect(left).toEqual(end === 'removed' ? [] : [keys.batch(batch)]);
      await stop();
    },
  );

  it('rejects with the reason of its signal, and releases the lease', async () => {
    const { ledger, target, stop } = await fixture();
    const expansion = await BatchExpansion.create(target, measured);
    const reason = new Error('interrupted');
    await expect(expansion.run({ signal: AbortSignal.abort(reason) })).rejects.toThrow(reason);
    const { batch } = expansion.status;
    expect(await ledger.state(batch)).toBe('expanding');
    expect(await ledger.holdExpansion(batch, 'somebody else', 1_000)).toBe(true);
    await stop();
  });
});

describe('the priority of a crawl', () => {
  const BATCHES = ['low', 'high'] as const;

  /** Both batches in the queue: 64 slices of 50 fetches each. */
  async function queued() {
    const tools = await fixture();
    const total = 64 * 50;
    for (const priority of BATCHES) {
      const sources = [{ name: 'n', kind: 'range' as const, from: 1, to: total }];
      const own = { ...small, sources, plan: { ...small.plan, priority } };
      const given = { ...measured, total, local: { original: own, crawl: own } };
      await (await BatchExpansion.create(tools.target, given, { id: priority })).run();
    }
    return tools;
  }

  it('decides which slices are claimed first', async () => {
    const { take, stop } = await queued();
    expect(await take(34)).toEqual({ low: 2, high: 32 });
    await stop();
  });

  it('still does when its slices are queued again after a pause', async () => {
    const { ledger, pausedSlices, take, stop } = await queued();
    for (const batch of BATCHES) {
      await ledger.pause(batch);
      await pausedSlices.withdraw(batch);
      await ledger.unpause(batch);
    }
    for (const batch of BATCHES) {
      await pausedSlices.requeue(batch, batch);
    }
    expect(await take(34)).toEqual({ low: 2, high: 32 });
    await stop();
  });
});

describe('a batch that was expanded before', () => {
  it('gets back the slices that are neither settled nor queued', async () => {
    const { ledger, pausedSlices, target, known, waiting, stop } = await fixture();
    const before = await known();
    const { batch, sliceSize } = before.status;
    const slices = await waiting();
    const first = Array.from({ length: sliceSize }, (_, index) => ok(index));
    await ledger.settle(batch, first);
    await ledger.cancel(batch);
    expect(await pausedSlices.removeAll(batch)).toBe(slices);
    await ledger.reopen(batch);
    expect(await BatchExpansion.complete(target, before).run()).toBe(true);
    expect(await ledger.state(batch)).toBe('running');
    expect(await waiting()).toBe(slices - 1);
    expect(await BatchExpansion.complete(target, before).run()).toBe(true);
    expect(await waiting()).toBe(slices - 1);
    await stop();
  });

  it('has its failures fetched again by a retry', async () => {
    const { ledger, target, known, stop } = await fixture();
    const before = await known();
    const { batch } = before.status;
    await ledger.settle(batch, [failed(0), ok(1), failed(2)]);
    const result = await BatchExpansion.retry(target, before, ['timeout']);
    if (result.kind !== 'ready') {
      throw new Error(result.kind);
    }
    expect(result.cleared).toBe(2);
    expect(result.expansion.status).toMatchObject({ state: 'expanding', settled: 1, retries: 1 });
    expect(await result.expansion.run()).toBe(true);
    expect(await ledger.status(batch)).toMatchObject({ state: 'running', failed: 0, settled: 1 });
    await stop();
  });

  it('is not retried while it is paused', async () => {
    const { ledger, target, known, stop } = await fixture();
    const before = await known();
    const { batch } = before.status;
    await ledger.settle(batch, [failed(0)]);
    await ledger.pause(batch);
    expect(await BatchExpansion.retry(target, before, ['timeout'])).toEqual({ kind: 'closed' });
    expect(await ledger.status(batch)).toMatchObject({ state: 'paused', failed: 1 });
    expect(await ledger.holdExpansion(batch, 'somebody else', 1_000)).toBe(true);
    await stop();
  });

  it('is not retried while another producer expands it', async () => {
    const { ledger, target, known, stop } = await fixture();
    const before = await known();
    const { batch } = before.status;
    await ledger.settle(batch, [failed(0)]);
    await ledger.holdExpansion(batch, 'somebody else', 60_000);
    expect(await BatchExpansion.retry(target, before, ['timeout'])).toEqual({ kind: 'busy' });
    expect(await ledger.status(batch)).toMatchObject({ failed: 1, retries: 0 });
    await stop();
  });
});
