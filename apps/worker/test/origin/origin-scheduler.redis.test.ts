import { randomBytes } from 'node:crypto';
import { connectRedis, fleetKeys, Gate, Waitlist } from '@fetchfleet/fleet';
import { closeAfterEach, eventually, redisUrl, trackRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { OriginScheduler } from '../../src/origin/origin-scheduler.ts';
import { Permits } from '../../src/permits/permits.ts';
import { RedisClock } from '../../src/origin/redis-clock.ts';
import type { StartGrant, WaitingSlice } from '../../src/origin/waiting-slice.ts';

closeAfterEach();

const ORIGIN = 'http://origin.example';

class CountingGate extends Gate {
  asked = 0;
  answered = 0;

  override async exchange(...call: Parameters<Gate['exchange']>): ReturnType<Gate['exchange']> {
    this.asked += 1;
    const answer = await super.exchange(...call);
    this.answered += 1;
    return answer;
  }
}

/** The scheduler of an origin with one fetch a second, and a slice that waits for more of them. */
async function busyScheduler() {
  const redis = await connectRedis(redisUrl());
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  const gate = new CountingGate({ redis, keys, worker: 'w-1' });
  const waitlist = new Waitlist(redis, keys);
  const { promise: idle, resolve: onIdle } = Promise.withResolvers<void>();
  const scheduler = new OriginScheduler({
    origin: ORIGIN,
    gate,
    permits: new Permits(100),
    clock: new RedisClock(),
    crawlDelayMs: () => undefined,
    wakeSlices: () => undefined,
    wakeAgain: () => undefined,
    onSilentBatches: () => undefined,
    onChange: () => undefined,
    onClamped: () => undefined,
    onError: () => undefined,
    onIdle,
  });
  const started: StartGrant[] = [];
  let waiting = 100;
  const slice = (id: string, ticket = 0): WaitingSlice => ({
    id,
    limits: {
      batch: 'b',
      politeness: {
        rate: { count: 1, perMs: 1_000 },
        burst: 1,
        concurrency: 'unlimited',
        robots: 'ignore',
        patienceMs: 60_000,
      },
    },
    get waiting() {
      return waiting;
    },
    ticket,
    isSlice: true,
    comesFirst: false,
    hasPatienceFor: () => true,
    start: (grant) => {
      started.push(grant);
    },
  });
  trackRedis(redis, 'an origin scheduler', async () => {
    waiting = 0;
    for (const grant of started.splice(0)) {
      grant.onEnded(undefined);
    }
    scheduler.stop();
    await idle;
    redis.disconnect();
  });
  void scheduler.admit(slice('b.first'));
  await eventually(() => started.length === 1);
  return {
    isDeferred: async (id: string) => waitlist.isDeferred(ORIGIN, id),
    /** Admits a slice that has to be deferred. @returns its ticket of the waitlist */
    async admitDeferred(id: string, ticket = 0): Promise<number> {
      const admission = await scheduler.admit(slice(id, ticket));
      if (admission.kind !== 'deferred') {
        throw new Error(`${id} was not deferred`);
      }
      return admission.ticket;
    },
    async askAgain(): Promise<void> {
      const { asked } = gate;
      scheduler.invalidate();
      await eventually(() => gate.answered > asked);
    },
  };
}

describe('a slice that is deferred', () => {
  it('stays in the waitlist if it is deferred again as soon as it comes back', async () => {
    const scheduler = await busyScheduler();
    const ticket = await scheduler.admitDeferred('b.second');
    expect(await scheduler.admitDeferred('b.second', ticket)).toBe(ticket);
    await scheduler.askAgain();
    expect(await scheduler.isDeferred('b.second')).toBe(true);
  });
});
