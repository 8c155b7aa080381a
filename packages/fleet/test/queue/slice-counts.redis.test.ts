import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { countSlices, someSlices } from '../../src/index.ts';
import { freshFleet } from '../fixture.ts';

closeAfterEach();

const origin = 'https://a.example';

function slice(batch: string, first: number, fields: object = {}): string {
  return JSON.stringify({ batch, origin, ranges: [first, 2], columns: [['1', '2']], ...fields });
}

describe('the slices of a batch', () => {
  it('are counted and listed by what they wait for', async () => {
    const { redis, keys } = await freshFleet();
    const add = async (id: string, data: string): Promise<void> => {
      await redis.hset(keys.home.queue(id), 'data', data);
    };
    for (const batch of ['b', 'other']) {
      await add(`${batch}.0`, slice(batch, 0));
      await redis.lpush(keys.home.queue('active'), `${batch}.0`);
      await add(`${batch}.2`, slice(batch, 2));
      await redis.zadd(keys.home.queue('prioritized'), 1, `${batch}.2`);
      await add(`${batch}.4`, slice(batch, 4, { ticket: 7 }));
      await add(`${batch}.6`, slice(batch, 6));
      await redis.zadd(keys.home.queue('delayed'), 1, `${batch}.4`, 2, `${batch}.6`);
    }
    await add('b.8', 'no slice');
    await redis.zadd(keys.pausedSlices('b'), 1, 'b.8');
    const counts = { running: 1, queued: 2, deferred: 1, retrying: 1 };
    expect(await countSlices(redis, keys, 'b')).toEqual(counts);
    const some = await someSlices(redis, keys, { batch: 'b', list: 5 });
    const found = some.map((one) => `${one.state} ${one.slice.batch} ${one.slice.ranges[0]}`);
    expect(found.toSorted()).toEqual(['deferred b 4', 'queued b 2', 'retrying b 6', 'running b 0']);
    expect(await someSlices(redis, keys, { batch: 'none', list: 5 })).toEqual([]);
  });

  it('are as many of each state as are asked for', async () => {
    const { redis, keys } = await freshFleet();
    for (let first = 0; first < 20; first += 2) {
      await redis.hset(keys.home.queue(`b.${first}`), 'data', slice('b', first));
      await redis.zadd(keys.home.queue('prioritized'), first, `b.${first}`);
    }
    const some = await someSlices(redis, keys, { batch: 'b', list: 3 });
    expect(some.map((one) => one.slice.ranges[0])).toEqual([0, 2, 4]);
  });
});
