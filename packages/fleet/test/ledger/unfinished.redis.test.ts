import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { BatchRemoval, Ledger, type Settlement } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

const failure: Settlement = { index: 0, outcome: 'timeout', durationMs: 1, bytes: 1 };

async function freshLedger() {
  const { redis, keys } = await freshFleet();
  return { redis, keys, ledger: new Ledger(redis, keys) };
}

describe('the index of unfinished batches', () => {
  it('follows every change of state', async () => {
    const { redis, keys, ledger } = await freshLedger();
    const removal = new BatchRemoval(redis, keys);
    const steps: readonly (readonly [() => Promise<unknown>, boolean])[] = [
      [async () => ledger.register(registration('b', 1)), true],
      [async () => ledger.pause('b'), true],
      [async () => ledger.unpause('b'), true],
      [async () => ledger.cancel('b'), false],
      [async () => ledger.reopen('b'), true],
      [async () => ledger.settle('b', [failure]), true],
      [async () => ledger.expanded('b'), false],
      [async () => ledger.retry('b'), true],
      [async () => ledger.expanded('b'), true],
      [async () => ledger.settle('b', [failure]), false],
      [async () => removal.begin('b'), false],
    ];
    for (const [step, isUnfinished] of steps) {
      await step();
      const indexed = (await redis.zscore(keys.home.unfinished, 'b')) !== null;
      expect([step.toString(), indexed]).toEqual([step.toString(), isUnfinished]);
      expect(await ledger.unfinished()).toEqual(isUnfinished ? ['b'] : []);
    }
  });

  it('is read once from the batches of version 0.1, by several programs at once', async () => {
    const { redis, keys, ledger } = await freshLedger();
    const ids = ['one', 'two', 'three', 'four'];
    for (const id of ids) {
      await ledger.register(registration(id, 1));
      await ledger.expanded(id);
    }
    await ledger.settle('two', [failure]);
    await ledger.cancel('three');
    await redis.del(keys.home.unfinished);
    const found = await Promise.all([1, 2, 3].map(async () => ledger.unfinished()));
    expect(found.map((one) => one.toSorted())).toEqual(
      Array.from({ length: 3 }, () => ['four', 'one']),
    );
    expect(await redis.zcard(keys.home.unfinished)).toBe(3);
  });

  it('finds what version 0.1 starts, retries and ends beside it', async () => {
    const { redis, keys, ledger } = await freshLedger();
    await ledger.register(registration('ended', 1));
    expect(await ledger.unfinished()).toEqual(['ended']);
    // Version 0.1 writes hash and batches, and nothing else.
    await redis.hset(keys.batch('ended'), 'state', 'finished');
    await redis.hset(
      keys.batch('new'),
      'state',
      'expanding',
      'fingerprint',
      'f',
      'createdAt',
      '9000000000000',
    );
    await redis.zadd(keys.home.batches, '9000000000000', 'new');
    expect(await ledger.unfinished()).toEqual(['new']);
    expect(await ledger.findUnfinished('f')).toBe('new');
    expect(await redis.zscore(keys.home.unfinished, 'ended')).toBeNull();
    await redis.hset(keys.batch('ended'), 'state', 'expanding');
    await ledger.open('ended');
    expect(await ledger.unfinished()).toEqual(['new', 'ended']);
  });
});
