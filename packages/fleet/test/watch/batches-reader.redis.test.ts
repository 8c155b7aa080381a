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
  let nowMs: number;
  let reader: BatchesReader;

  beforeEach(async () => {
    ({ redis, keys } = await freshFleet());
    ledger = new Ledger(redis, keys);
    asked = [];
    nowMs = 0;
    reader = new BatchesReader(
      {
        unfinished: async () => ledger.unfinished(),
        batches: async (limit) => ledger.batches(limit),
        statuses: async (ids) => {
          asked.push([...ids]);
          return ledger.statuses(ids);
        },
      },
      () => nowMs,
    );
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

  /** How many statuses each of some reads asks for, a second after the one before. */
  async function readsOf(count: number): Promise<number[]> {
    asked = [];
    for (let at = 0; at < count; at += 1) {
      nowMs += 1_000;
      await reader.read();
    }
    return asked.map((ids) => ids.length);
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
    const reads = await readsOf(20);
    expect(reads.filter((count) => count === 101)).toHaveLength(2);
    expect(reads.filter((count) => count === 1)).toHaveLength(18);
  });

  it('reads the newest under way each time, and the others rarely', async () => {
    for (let at = 0; at < 70; at += 1) {
      await add(`running-${at}`);
      await redis.zadd(keys.home.unfinished, at, `running-${at}`);
    }
    expect(await idsRead()).toHaveLength(70);
    const reads = await readsOf(20);
    expect([reads.slice(0, -1), reads.at(-1)]).toEqual([Array.from({ length: 19 }, () => 50), 70]);
  });

  it('reads what somebody looks at as often as they look', async () => {
    for (let at = 0; at < 60; at += 1) {
      await add(`running-${at}`);
      await redis.zadd(keys.home.unfinished, at, `running-${at}`);
    }
    await add('ended', true);
    await reader.read();
    const looked = ['running-0', 'running-59', 'ended', 'unknown'];
    const look = async () => (await reader.some(looked)).map(({ status }) => status.batch);
    asked = [];
    nowMs += 1_000;
    expect(await look()).toEqual(looked.slice(0, 3));
    expect(await look()).toEqual(looked.slice(0, 3));
    expect(asked).toEqual([['running-0', 'running-59', 'unknown'], ['unknown']]);
    await ledger.reopen('ended');
    reader.expire();
    expect((await reader.some(['ended']))[0]?.status.state).toBe('expanding');
  });

  it('sees that a batch ends, goes on, and is removed', async () => {
    await add('one');
    await add('two');
    await reader.read();
    await ledger.cancel('one');
    await redis.del(keys.batch('two'));
    await redis.zrem(keys.home.batches, 'two');
    await redis.zrem(keys.home.unfinished, 'two');
    const [one, ...others] = await reader.read();
    expect(one?.status).toMatchObject({ batch: 'one', state: 'cancelled' });
    expect(others).toEqual([]);
    await ledger.reopen('one');
    expect((await reader.read())[0]?.status.state).toBe('expanding');
  });
});
