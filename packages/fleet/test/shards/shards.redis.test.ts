import { eventually, closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { fleetKeys, Ledger, readShards, ScheduleStore, ShardsWatch } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';
import { spec } from '../schedule/fixture.ts';

closeAfterEach();

const NAME = /^\{(.*)\}$/;

/** The keys of the same fleet, as another process makes them. */
function keysOf({ home }: { readonly home: { readonly queuePrefix: string } }) {
  return fleetKeys(NAME.exec(home.queuePrefix)?.[1]);
}

describe('the number of shards', () => {
  it('is set once, by the first who names one, and found by all others', async () => {
    const { redis, keys } = await freshFleet();
    await readShards(redis, keys);
    expect(keys.shards).toHaveLength(1);
    expect(await redis.exists(keys.shardCount)).toBe(0);
    await readShards(redis, keys, 3);
    expect(keys.shards).toHaveLength(3);
    const others = keysOf(keys);
    await readShards(redis, others);
    expect(others.shards).toEqual(
      keys.shards.map((shard) =>
        expect.objectContaining({ index: shard.index, queuePrefix: shard.queuePrefix }),
      ),
    );
    await readShards(redis, others, 3);
  });

  it('is refused where the fleet has another one', async () => {
    const { redis, keys } = await freshFleet();
    await readShards(redis, keys, 3);
    await expect(readShards(redis, keysOf(keys), 2)).rejects.toThrow(
      '2 shards are wanted (--shards, FETCHFLEET_SHARDS), but this fleet has 3: ' +
        'the number of a fleet stays as it was when its first batch or schedule began',
    );
    await expect(readShards(redis, keysOf(keys), 1)).rejects.toMatchObject({
      code: 'SHARDS_DIFFER',
    });
  });

  it('of a fleet that has batches is one', async () => {
    const { redis, keys } = await freshFleet();
    await new Ledger(redis, keys).register(registration('b', 1));
    await expect(readShards(redis, keys, 3)).rejects.toThrow('this fleet has 1');
    await readShards(redis, keys, 1);
    expect(await redis.exists(keys.shardCount)).toBe(0);
  });

  it('is fixed by the first schedule, even if it was set after the last look', async () => {
    const { redis, keys } = await freshFleet();
    const others = keysOf(keys);
    await readShards(redis, others);
    await readShards(redis, keys, 16);
    const names = ['daily', 'nightly', 'weekly'];
    for (const name of names) {
      await new ScheduleStore(redis, others).put(name, spec);
    }
    expect(others.shards).toHaveLength(16);
    const found = await new ScheduleStore(redis, keys).all();
    expect(found.map(({ id }) => id)).toEqual(names);
    const { redis: same, keys: fresh } = await freshFleet();
    await new ScheduleStore(same, fresh).put('nightly', spec);
    await expect(readShards(same, keysOf(fresh), 2)).rejects.toThrow('this fleet has 1');
  });

  it('that is none is refused with a sentence', async () => {
    const { redis, keys } = await freshFleet();
    await redis.set(keys.shardCount, 'many');
    await expect(readShards(redis, keys)).rejects.toMatchObject({ code: 'STORED_STATE_INVALID' });
  });

  it('is learned by who was there before it was set', async () => {
    const { redis, keys } = await freshFleet();
    const watch = new ShardsWatch(redis, keys);
    await watch.startWithLook();
    expect(keys.shards).toHaveLength(1);
    await readShards(redis, keysOf(keys), 2);
    await eventually(() => keys.shards.length === 2);
    watch.stop();
  });
});
