import { beforeEach, describe, expect, it } from '@jest/globals';
import { BatchesReader, type FleetKeys, Ledger } from '@fetchfleet/fleet';
import { closeAfterEach } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

describe('the reader of batches', () => {
  let redis: Redis;
  let keys: FleetKeys;
  let ledger: Ledger;
  let asked: string[][];
  let reader: BatchesReader;

  beforeEach(async () => {
    ({ redis, keys } = await freshFleet());
    ledger = new Ledger(redis, keys);
    asked = [];
    reader = new BatchesReader({
      unfinished: async () => ledger.unfinished(),
      batches: async (limit) => ledger.batches(limit),
      statuses: async (ids) => {
        asked.push([...ids]);
        return ledger.statuses(ids);
      },
    });
  });

  async function add(id: string, isEnded = false): Promise<void> {
    await ledger.register(registration(id, 1));
    if (isEnded) {
      await ledger.cancel(id);
    }
  }

  async function idsRead(): Promise<string[]> {
    return (await reader.read()).map(({ status }) => status.batch);
  }

  it('lists batches under way before ended ones', async () => {
    await add('one');
    await add('two', true);
    expect(await idsRead()).toEqual(['one', 'two']);
    expect(reader.underWayTotal).toBe(1);
  });

  it('reads ended batches rarely, and at most 100 of them', async () => {
    for (let at = 0; at < 150; at += 1) {
      await add(`ended-${at}`, true);
    }
    await add('running');
    expect(await idsRead()).toHaveLength(101);
    await reader.read();
    expect(asked.map((ids) => ids.length)).toEqual([101, 1]);
  });

  it('sees that a batch ends, and that one is removed', async () => {
    await add('one');
    await add('two');
    await reader.read();
    await ledger.cancel('one');
    await redis.del(keys.batch('two'));
    await redis.zrem(keys.batches, 'two');
    await redis.zrem(keys.unfinished, 'two');
    const [one, ...others] = await reader.read();
    expect(one?.status).toMatchObject({ batch: 'one', state: 'cancelled' });
    expect(others).toEqual([]);
  });
});
