import { randomBytes } from 'node:crypto';
import { connectRedis, fleetKeys, Gate, Waitlist } from '@fetchfleet/fleet';
import { Beat, createLogger } from '@fetchfleet/service';
import { closeAfterEach, redisUrl, trackRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { OriginSchedulers } from '../../src/origin/origin-schedulers.ts';
import { Permits } from '../../src/permits/permits.ts';

closeAfterEach();

const ORIGIN = 'http://origin.example';

async function startSchedulers() {
  const redis = await connectRedis(redisUrl());
  trackRedis(redis, 'Redis connection of a test of schedulers');
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  const gate = new Gate({ redis, keys, worker: 'w-1' });
  const woken: string[] = [];
  const schedulers = new OriginSchedulers({
    gate,
    permits: new Permits(1),
    crawlDelayMs: () => undefined,
    waitlist: new Waitlist(redis, keys),
    queue: {
      wakeSlices: async (slices) => {
        woken.push(...slices);
        return [];
      },
      findGone: async () => [],
      findQueued: async () => [],
    },
    ledger: { state: async () => 'running' },
    publishChange: async () => undefined,
    every: new Beat().every,
    log: createLogger({ name: 'test', level: 'silent', pretty: false }),
    onError: (error) => {
      throw error;
    },
  });
  /** Takes the first slice out of the waitlist, as the gate does when its turn is near. */
  const popFirst = async (): Promise<void> => void (await redis.zpopmin(keys.waitlist(ORIGIN)));
  return { gate, schedulers, popFirst, woken };
}

describe('a deferred slice', () => {
  it('comes back at once if its turn came while its fetches were still in flight', async () => {
    const { gate, schedulers, popFirst, woken } = await startSchedulers();
    await gate.defer(ORIGIN, { slice: 'b.0', count: 49, ticket: 0 });
    await schedulers.afterDeferral(ORIGIN, 'b.0');
    expect(woken).toEqual([]);
    await popFirst();
    await schedulers.afterDeferral(ORIGIN, 'b.0');
    expect(woken).toEqual(['b.0']);
  });
});

describe('the origins that a worker has worked on', () => {
  it('are those with requests since they were last asked for', async () => {
    const { schedulers } = await startSchedulers();
    schedulers.of(ORIGIN).wake();
    expect([...schedulers.takeWorkedOn().keys()]).toEqual([ORIGIN]);
    expect([...schedulers.takeWorkedOn().keys()]).toEqual([]);
    for (let at = 0; at < 2_000; at += 1) {
      schedulers.of(`http://o-${at}.example`).wake();
    }
    expect(schedulers.takeWorkedOn().size).toBe(1_000);
  });
});
