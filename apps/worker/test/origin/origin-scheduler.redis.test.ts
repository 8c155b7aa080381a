import { randomBytes } from 'node:crypto';
import { connectRedis, fleetKeys, Gate } from '@fetchfleet/fleet';
import { closeAfterEach, eventually, redisUrl, track } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { WaitingSlice } from '../../src/origin/waiting-slice.ts';
import { OriginScheduler } from '../../src/origin/origin-scheduler.ts';
import { Permits } from '../../src/origin/permits.ts';
import { RedisClock } from '../../src/origin/redis-clock.ts';

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

/** The lane of an origin that takes one fetch a second, with a guest that has more of them than that. */
async function busyLane() {
  const redis = await connectRedis(redisUrl());
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  const gate = new CountingGate({ redis, keys, worker: 'w-1' });
  const permits = new Permits(100);
  const { promise: idle, resolve: onIdle } = Promise.withResolvers<void>();
  const lane = new OriginScheduler({
    origin: ORIGIN,
    gate,
    permits,
    clock: new RedisClock(),
    crawlDelayMs: () => undefined,
    wakeSlices: () => undefined,
    onChange: () => undefined,
    onClamped: () => undefined,
    onError: () => undefined,
    onIdle,
  });
  let started = 0;
  let waiting = 100;
  const guest = (slice: string, ticket = 0): WaitingSlice => ({
    slice,
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
    isPatient: () => true,
    start: () => {
      started += 1;
    },
  });
  track({
    what: 'a lane',
    isOpen: () => redis.status === 'ready',
    close: async () => {
      waiting = 0;
      for (; started > 0; started--) lane.ended(undefined);
      lane.endVigil();
      await idle;
      redis.disconnect();
    },
  });
  void lane.serve(guest('b.first'));
  await eventually(() => started === 1);
  return {
    isDeferred: async (slice: string) =>
      (await redis.zscore(keys.waitlist(ORIGIN), slice)) !== null,
    /** Serves a slice that has to leave. @returns its place in the line */
    async sendAway(slice: string, ticket = 0): Promise<number> {
      const departure = await lane.serve(guest(slice, ticket));
      if (departure.kind !== 'deferred') throw new Error(`${slice} was served`);
      return departure.ticket;
    },
    /** Has the lane ask the gate once more. */
    async askAgain(): Promise<void> {
      const { asked } = gate;
      lane.invalidate();
      await eventually(() => gate.answered > asked);
    },
  };
}

describe('a slice that is sent away', () => {
  it('again as soon as it has come stays in the line', async () => {
    const lane = await busyLane();
    const ticket = await lane.sendAway('b.second');
    expect(await lane.sendAway('b.second', ticket)).toBe(ticket);
    await lane.askAgain();
    expect(await lane.isDeferred('b.second')).toBe(true);
  });
});
