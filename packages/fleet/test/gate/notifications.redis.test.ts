import {
  closeAfterEach,
  eventually,
  type PrivateRedis,
  startRedis,
  track,
  trackRedis,
} from '@fetchfleet/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { connectRedis, fleetKeys } from '../../src/index.ts';
import { GateNotifications } from '../../src/gate/notifications.ts';
import type { Every } from '../../src/redis/every.ts';

// Of its own: a test cuts off all subscribers.
let server: PrivateRedis;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await server.dispose();
});

closeAfterEach();

/** Two workers, of which the second has subscribed. Its checks are made by hand. */
async function workers() {
  const redis = await connectRedis(server.url);
  trackRedis(redis, 'Redis connection of a test of notifications');
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  const get = jest.spyOn(redis, 'get');
  let check: (() => void) | undefined;
  const every: Every = (_periodMs, work) => {
    check = work;
    return () => undefined;
  };
  const heard: string[] = [];
  let missed = 0;
  let isInUse = true;
  let isStopped = false;
  const first = new GateNotifications({ redis, keys, every });
  const second = new GateNotifications({ redis, keys, every });
  second.start({
    onOrigin: (origin) => heard.push(origin),
    onMissed: () => {
      missed += 1;
    },
    isInUse: () => isInUse,
    // Subscribers are cut off here, and connections end.
    onError: () => undefined,
  });
  track({
    what: 'gate notifications',
    isOpen: () => !isStopped,
    close: async () => {
      isStopped = true;
      second.stop();
    },
  });
  const isSubscribed = async () =>
    (await redis.pubsub('NUMSUB', keys.gateNotifications)).at(1) === 1;
  await eventually(isSubscribed);
  // The connection answers in order: the count was read.
  await redis.ping();
  const checkOnce = (): void => check?.();
  /** Another check has begun when one has ended, which waits for messages that are under way. */
  const checkTwice = async (): Promise<void> => {
    const before = get.mock.calls.length;
    await eventually(() => {
      checkOnce();
      return get.mock.calls.length >= before + 2;
    });
  };
  return {
    redis,
    keys,
    first,
    heard,
    missed: () => missed,
    reads: () => get.mock.calls.length,
    checkOnce,
    checkTwice,
    isSubscribed,
    setInUse: (value: boolean): void => {
      isInUse = value;
    },
  };
}

describe('a notification of the gate', () => {
  it('comes to all workers, and none of them is missed', async () => {
    const { first, heard, missed, checkTwice } = await workers();
    await Promise.all(['a', 'b', 'c'].map(async (origin) => first.publish(origin)));
    await eventually(() => heard.length === 3);
    await checkTwice();
    expect([heard, missed()]).toEqual([['a', 'b', 'c'], 0]);
  });

  it('is missed once by a worker that was cut off, which hears the next one', async () => {
    const { redis, keys, first, heard, missed, checkTwice, isSubscribed } = await workers();
    await redis
      .multi()
      .call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      .incr(keys.gateNotificationCount)
      .publish(keys.gateNotifications, 'a')
      .exec();
    await checkTwice();
    expect([heard, missed()]).toEqual([[], 1]);
    await eventually(isSubscribed);
    await first.publish('b');
    await eventually(() => heard.length === 1);
    await checkTwice();
    expect([heard, missed()]).toEqual([['b'], 1]);
  });

  it('is missed if its sender dies before it is published', async () => {
    const { redis, keys, missed, checkTwice } = await workers();
    await redis.incr(keys.gateNotificationCount);
    await checkTwice();
    expect(missed()).toBe(1);
  });

  it('is not missed before it has had time to come', async () => {
    const { redis, keys, heard, missed, checkOnce, checkTwice } = await workers();
    await redis.incr(keys.gateNotificationCount);
    checkOnce();
    // The count was read before.
    await redis.ping();
    await redis.publish(keys.gateNotifications, 'a');
    await eventually(() => heard.length === 1);
    await checkTwice();
    expect(missed()).toBe(0);
  });

  it('of version 0.1, which does not count, hides no later one that is lost', async () => {
    const { redis, keys, heard, missed, checkTwice } = await workers();
    await redis.publish(keys.gateNotifications, 'old');
    await eventually(() => heard.length === 1);
    await checkTwice();
    await redis.incr(keys.gateNotificationCount);
    await checkTwice();
    expect(missed()).toBe(1);
  });

  it('is found missing also after Redis has lost its count', async () => {
    const { redis, keys, first, heard, missed, checkTwice } = await workers();
    await first.publish('a');
    await eventually(() => heard.length === 1);
    await redis.del(keys.gateNotificationCount);
    await checkTwice();
    expect(missed()).toBe(0);
    await redis.incr(keys.gateNotificationCount);
    await checkTwice();
    expect(missed()).toBe(1);
  });

  it('is not looked for by a worker that asks about no origin', async () => {
    const { redis, missed, reads, checkOnce, checkTwice, setInUse, keys } = await workers();
    setInUse(false);
    await redis.incr(keys.gateNotificationCount);
    const before = reads();
    checkOnce();
    expect(reads()).toBe(before);
    setInUse(true);
    await checkTwice();
    expect(missed()).toBe(1);
  });
});
