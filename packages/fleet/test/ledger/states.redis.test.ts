import type { Outcome } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { BatchRemoval, Ledger, type Settlement } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

const settlement = (index: number, outcome: Outcome = 'ok'): Settlement => ({
  index,
  outcome,
  durationMs: 10,
  bytes: 100,
});

async function freshLedger(total: number) {
  const { redis, keys } = await freshFleet();
  const ledger = new Ledger(redis, keys);
  await ledger.register(registration('b', total));
  return { redis, keys, ledger };
}

describe('pausing', () => {
  it('ends in the state before, or in running if the expansion has ended meanwhile', async () => {
    const { ledger } = await freshLedger(2);
    expect(await ledger.pause('b')).toBe(true);
    expect(await ledger.pause('b')).toBe(false);
    expect(await ledger.status('b')).toMatchObject({ state: 'paused' });
    expect((await ledger.status('b'))?.pausedAt).toBeDefined();
    await ledger.unpause('b');
    expect(await ledger.state('b')).toBe('expanding');
    await ledger.pause('b');
    await ledger.expanded('b');
    expect(await ledger.state('b')).toBe('paused');
    expect(await ledger.unpause('b')).toBe(true);
    expect(await ledger.state('b')).toBe('running');
    expect(await ledger.unpause('b')).toBe(false);
    expect((await ledger.status('b'))?.pausedAt).toBeUndefined();
  });

  it('does not stop a batch from finishing once every slice was queued', async () => {
    const { ledger } = await freshLedger(2);
    await ledger.pause('b');
    expect(await ledger.settle('b', [settlement(0), settlement(1)])).toMatchObject({
      finished: false,
    });
    await ledger.expanded('b');
    expect(await ledger.state('b')).toBe('finished');
    expect(await ledger.pause('b')).toBe(false);
  });

  it('ends when the batch is cancelled, which records the time', async () => {
    const { ledger } = await freshLedger(2);
    await ledger.pause('b');
    expect(await ledger.cancel('b')).toBe(true);
    expect(await ledger.unpause('b')).toBe(false);
    expect((await ledger.status('b'))?.cancelledAt).toBeDefined();
    await ledger.reopen('b');
    expect(await ledger.status('b')).toMatchObject({ state: 'expanding' });
    expect((await ledger.status('b'))?.cancelledAt).toBeUndefined();
  });
});

describe('retrying', () => {
  it('clears the failures of the given outcomes, and their counters', async () => {
    const { redis, keys, ledger } = await freshLedger(40);
    await ledger.expanded('b');
    const settlements = Array.from({ length: 40 }, (_, i) =>
      settlement(i, i === 3 ? 'timeout' : i >= 38 ? 'http-error' : 'ok'),
    );
    await ledger.settle('b', settlements);
    expect(await ledger.retry('b', ['timeout', 'ok'])).toBe(1);
    expect(await ledger.status('b')).toMatchObject({
      state: 'expanding',
      settled: 39,
      failed: 2,
      retries: 1,
      outcomes: { ok: 37, 'http-error': 2, timeout: 0 },
    });
    expect((await ledger.status('b'))?.finishedAt).toBeUndefined();
    await ledger.open('b');
    const restarted = await redis.hget(keys.batch('b'), 'paceFrom');
    expect((await ledger.status('b'))?.activeSince).toBe(new Date(Number(restarted)).toISOString());
    const isUnsettled = await ledger.unsettled('b');
    expect(Array.from({ length: 40 }, (_, i) => i).filter(isUnsettled)).toEqual([3]);
    const isFailed = await ledger.failures('b', ['timeout', 'http-error']);
    expect(isFailed(3, 'timeout')).toBe(false);
    expect(isFailed(38, 'http-error')).toBe(true);
    expect(isFailed(38, 'timeout')).toBe(false);
    expect(isFailed(39_000, 'http-error')).toBe(false);
    await ledger.expanded('b');
    await ledger.settle('b', [settlement(3)]);
    expect(await ledger.status('b')).toMatchObject({ state: 'finished', settled: 40, failed: 2 });
    expect(await ledger.retry('b')).toBe(2);
    expect(await ledger.retry('b')).toBe(0);
    expect(await ledger.status('b')).toMatchObject({ settled: 38, failed: 0, ok: 38, retries: 2 });
  });

  it('clears failures of some outcomes by their indexes, and no success', async () => {
    const { ledger } = await freshLedger(40);
    await ledger.expanded('b');
    await ledger.settle(
      'b',
      Array.from({ length: 40 }, (_, i) =>
        settlement(i, i < 10 ? 'timeout' : i < 20 ? 'http-error' : 'ok'),
      ),
    );
    expect(await ledger.unsettle('b', [3, 30, 99], ['http-error'])).toBe(0);
    expect(await ledger.state('b')).toBe('finished');
    expect(await ledger.unsettle('b', [3, 4, 4, 13, 30, 99], ['timeout', 'robots-denied'])).toBe(2);
    expect(await ledger.status('b')).toMatchObject({
      state: 'expanding',
      settled: 38,
      failed: 18,
      retries: 1,
      outcomes: { ok: 20, 'http-error': 10, timeout: 8 },
    });
    const isUnsettled = await ledger.unsettled('b');
    expect(Array.from({ length: 40 }, (_, i) => i).filter(isUnsettled)).toEqual([3, 4]);
  });

  it('changes nothing if the batch is paused, cancelled or unknown, or has no failures', async () => {
    const { ledger } = await freshLedger(1);
    await ledger.expanded('b');
    await ledger.settle('b', [settlement(0)]);
    expect(await ledger.retry('b')).toBe(0);
    expect(await ledger.state('b')).toBe('finished');
    const { ledger: other } = await freshLedger(2);
    await other.settle('b', [settlement(0, 'timeout')]);
    await other.pause('b');
    expect(await other.retry('b')).toBeUndefined();
    await other.cancel('b');
    expect(await other.retry('b')).toBeUndefined();
    expect(await other.retry('unknown')).toBeUndefined();
    expect(await other.status('b')).toMatchObject({ settled: 1, failed: 1 });
  });
});

describe('removing', () => {
  it('deletes every key of an ended batch, and keeps a note until its results are removed', async () => {
    const { redis, keys, ledger } = await freshLedger(3);
    const removal = new BatchRemoval(redis, keys);
    await ledger.settle('b', [settlement(0), settlement(1, 'timeout'), settlement(2)]);
    expect(await removal.begin('b', '/results')).toBe(false);
    await ledger.reportMissingSecrets('b', ['TOKEN']);
    await ledger.expanded('b');
    expect(await removal.begin('b', '/results')).toBe(true);
    expect(await redis.keys(`${keys.home.queuePrefix}:batch:*`)).toEqual([]);
    expect(await ledger.batches()).toEqual([]);
    expect([...(await removal.unfinished())]).toEqual([['b', '/results']]);
    expect(await removal.begin('b')).toBe(true);
    expect([...(await removal.unfinished())]).toEqual([['b', '/results']]);
    await removal.finish('b');
    expect((await removal.unfinished()).size).toBe(0);
  });
});
