import { OUTCOMES, type Outcome } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Ledger, type Settlement, UnknownBatchError } from '../../src/index.ts';
import { crawl, freshFleet, registration } from '../fixture.ts';

closeAfterEach();

const settlement = (index: number, outcome: Outcome = 'ok'): Settlement => ({
  index,
  outcome,
  durationMs: 10,
  bytes: 100,
});

describe('settling', () => {
  it('counts every fetch exactly once, however calls overlap and repeat', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    const total = 64;
    let run = 0;
    const calls = fc.array(
      fc.array(fc.tuple(fc.nat(total - 1), fc.constantFrom(...OUTCOMES)), { maxLength: 20 }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(calls, async (batches) => {
        const id = `batch-${run++}`;
        await ledger.register(registration(id, total));
        await ledger.expanded(id);
        // The model: the first outcome of an index counts.
        const expected = new Map<number, Outcome>();
        for (const call of batches) {
          const before = expected.size;
          for (const [index, outcome] of call) {
            if (!expected.has(index)) {
              expected.set(index, outcome);
            }
          }
          const settlements = call.map(([index, outcome]) => settlement(index, outcome));
          const report = await ledger.settle(id, settlements);
          expect(report.settled).toBe(expected.size - before);
          expect(await ledger.settle(id, settlements)).toEqual({ settled: 0, finished: false });
        }
        const failed = [...expected.values()].filter((outcome) => outcome !== 'ok').length;
        expect(await ledger.status(id)).toMatchObject({
          settled: expected.size,
          failed,
          ok: expected.size - failed,
          bytes: expected.size * 100,
          durationSumMs: expected.size * 10,
          state: expected.size === total ? 'finished' : 'running',
        });
        const isUnsettled = await ledger.unsettled(id);
        const indexes = Array.from({ length: total }, (_, index) => index);
        expect(indexes.filter((index) => !isUnsettled(index))).toEqual(
          [...expected.keys()].toSorted((a, b) => a - b),
        );
        expect(await ledger.areSettled(id, indexes)).toEqual(
          indexes.map((index) => expected.has(index)),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('reports the end of the batch to exactly one caller', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('race', 100));
    await ledger.expanded('race');
    const reports = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => ledger.settle('race', [settlement(i % 100)])),
    );
    expect(reports.filter((report) => report.finished)).toHaveLength(1);
    expect(reports.reduce((sum, report) => sum + report.settled, 0)).toBe(100);
  });

  it('finishes a batch whose last fetch was settled before its expansion ended', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('early', 2));
    expect(await ledger.settle('early', [settlement(0), settlement(1)])).toEqual({
      settled: 2,
      finished: false,
    });
    expect(await ledger.status('early')).toMatchObject({ state: 'expanding' });
    expect(await ledger.expanded('early')).toMatchObject({ state: 'finished', ok: 2 });
  });

  it('throws UnknownBatchError for a batch that was never registered', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await expect(ledger.settle('nobody', [settlement(0)])).rejects.toThrow(UnknownBatchError);
    expect(await ledger.status('nobody')).toBeUndefined();
  });

  it('survives SCRIPT FLUSH', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('flush', 2));
    await ledger.settle('flush', [settlement(0)]);
    await redis.script('FLUSH');
    expect(await ledger.settle('flush', [settlement(1)])).toMatchObject({ settled: 1 });
  });
});

describe('a batch', () => {
  it('is registered once and keeps its crawl', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('once', 5));
    await ledger.settle('once', [settlement(0)]);
    await ledger.register(registration('once', 99));
    expect(await ledger.status('once')).toMatchObject({ total: 5, settled: 1, sliceSize: 50 });
    expect(await ledger.crawl('once')).toEqual(crawl);
    expect(await ledger.batches()).toEqual(['once']);
  });

  it('is found by its fingerprint until it ends', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('mine', 1));
    expect(await ledger.findUnfinished('f-mine')).toBe('mine');
    await ledger.expanded('mine');
    expect(await ledger.findUnfinished('f-mine')).toBe('mine');
    await ledger.settle('mine', [settlement(0)]);
    expect(await ledger.findUnfinished('f-mine')).toBeUndefined();
  });

  it('takes another plan until it ends, from one producer only', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('edit', 1));
    const plan = { ...crawl.plan, retry: { attempts: 2, backoffMs: 1 } };
    const fingerprint = { before: 'f-edit', now: 'f-edited' };
    expect(await ledger.replacePlan('edit', plan, fingerprint)).toBe(true);
    expect(await ledger.replacePlan('edit', plan, fingerprint)).toBe(false);
    expect(await ledger.crawl('edit')).toEqual({ ...crawl, plan });
    expect(await ledger.findUnfinished('f-edited')).toBe('edit');
    expect(await ledger.changes('edit')).toEqual({ state: 'expanding', planRevision: 1 });
    expect(await ledger.open('edit')).toMatchObject({ plan, planRevision: 1 });
    await ledger.expanded('edit');
    await ledger.settle('edit', [settlement(0)]);
    const again = { before: 'f-edited', now: 'f-edit' };
    expect(await ledger.replacePlan('edit', crawl.plan, again)).toBe(false);
    expect(await ledger.changes('none')).toBeUndefined();
  });

  it('is cancelled once, and expands again when it is reopened', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('stop', 3));
    await ledger.expanded('stop');
    expect(await ledger.cancel('stop')).toBe(true);
    expect(await ledger.cancel('stop')).toBe(false);
    expect(await ledger.state('stop')).toBe('cancelled');
    await ledger.reopen('stop');
    expect(await ledger.state('stop')).toBe('expanding');
    expect(await ledger.expanded('stop')).toMatchObject({ state: 'running' });
  });

  it('gets its start time and results folder from the first worker that opens it', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('clock', 3));
    expect((await ledger.status('clock'))?.startedAt).toBeUndefined();
    const opened = await ledger.open('clock', '/results/a');
    await ledger.open('clock', '/results/b');
    expect(opened).toMatchObject({ state: 'expanding', plan: crawl.plan, total: 3 });
    await ledger.open('clock', '/results/b');
    expect(await ledger.status('clock')).toMatchObject({
      results: '/results/a',
      resultsFolders: ['/results/a', '/results/b'],
    });
    expect(await ledger.open('unknown')).toBeUndefined();
  });

  it('has one lease holder at a time, until the lease is released', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    expect(await ledger.isExpansionHeld('b')).toBe(false);
    expect(await ledger.holdExpansion('b', 'first', 60_000)).toBe(true);
    expect(await ledger.isExpansionHeld('b')).toBe(true);
    expect(await ledger.holdExpansion('b', 'second', 60_000)).toBe(false);
    expect(await ledger.holdExpansion('b', 'first', 60_000)).toBe(true);
    await ledger.releaseExpansion('b', 'second');
    expect(await ledger.holdExpansion('b', 'second', 60_000)).toBe(false);
    await ledger.releaseExpansion('b', 'first');
    expect(await ledger.holdExpansion('b', 'second', 60_000)).toBe(true);
  });

  it('lists the secrets that its workers lack', async () => {
    const { redis, keys } = await freshFleet();
    const ledger = new Ledger(redis, keys);
    await ledger.register(registration('secret', 1));
    await ledger.reportMissingSecrets('secret', ['API_TOKEN']);
    await ledger.reportMissingSecrets('secret', ['API_TOKEN', 'COOKIE']);
    expect((await ledger.status('secret'))?.missingSecrets).toEqual(['API_TOKEN', 'COOKIE']);
  });
});
