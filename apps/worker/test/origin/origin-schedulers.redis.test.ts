import { randomBytes } from 'node:crypto';
import { connectRedis, fleetKeys, Gate } from '@fetchfleet/fleet';
import { createLogger } from '@fetchfleet/service';
import { closeAfterEach, redisUrl, track } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { OriginSchedulers } from '../../src/origin/origin-schedulers.ts';
import { Permits } from '../../src/origin/permits.ts';

closeAfterEach();

const ORIGIN = 'http://origin.example';

async function lanesOfOne() {
  const redis = await connectRedis(redisUrl());
  track({
    what: 'Redis connection of a test of schedulers',
    isOpen: () => redis.status === 'ready',
    close: async () => redis.disconnect(),
  });
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  const gate = new Gate({ redis, keys, worker: 'w-1' });
  const calledBack: string[] = [];
  const schedulers = new OriginSchedulers({
    gate,
    permits: new Permits(1),
    crawlDelayMs: () => undefined,
    wakeSlices: async (slices) => void calledBack.push(...slices),
    tellOthers: async () => undefined,
    log: createLogger({ name: 'test', level: 'silent', pretty: false }),
    onError: (error) => {
      throw error;
    },
  });
  /** As the gate calls the first of the line. */
  const call = async (): Promise<void> => void (await redis.zpopmin(keys.waitlist(ORIGIN)));
  return { gate, schedulers, call, calledBack };
}

describe('a slice that was sent away', () => {
  it('comes at once if it was called while it still waited for what it had in flight', async () => {
    const { gate, schedulers, call, calledBack } = await lanesOfOne();
    await gate.defer(ORIGIN, { slice: 'b.0', count: 49, ticket: 0 });
    await schedulers.hasLeft(ORIGIN, 'b.0');
    expect(calledBack).toEqual([]);
    await call();
    await schedulers.hasLeft(ORIGIN, 'b.0');
    expect(calledBack).toEqual(['b.0']);
  });
});
