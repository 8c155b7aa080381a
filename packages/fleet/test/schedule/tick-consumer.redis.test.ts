import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FleetKeys, type RunAttempt, TickQueue, TickConsumer } from '../../src/index.ts';
import { SCHEDULES } from '../../src/schedule/tick-queue.ts';
import { freshFleet, rethrow } from '../fixture.ts';
import { spec } from './fixture.ts';

let redis: Redis;
let keys: FleetKeys;
let queue: TickQueue;

beforeEach(async () => {
  ({ redis, keys } = await freshFleet());
  queue = new TickQueue(redis, keys);
});

afterEach(async () => {
  await queue.stop();
  const found = await redis.keys(`${keys.home.queuePrefix}*`);
  if (found.length > 0) {
    await redis.del(...found);
  }
  redis.disconnect();
});

installLeakGuard();

function startWorker(
  onRun: (attempt: RunAttempt) => Promise<void>,
  onError: (error: Error) => void = rethrow,
): TickConsumer {
  const worker = new TickConsumer({
    redis,
    keys,
    onTick: async () => undefined,
    onRun,
    onPoison: async () => undefined,
    onError,
  });
  worker.start();
  return worker;
}

describe('the tick consumer', () => {
  it('is woken at the tick of a time that clocks skip', async () => {
    const system = Date.now;
    Date.now = () => Date.parse('2027-04-29T12:00Z');
    try {
      // The clocks of Egypt go from midnight to 01:00.
      const terms = { ...spec, cron: '0 0 30 4 *', tz: 'Africa/Cairo' };
      await queue.wake({ id: 's', terms });
    } finally {
      Date.now = system;
    }
    const schedulers = new Queue(SCHEDULES, { connection: redis, prefix: keys.home.queuePrefix });
    const next = Date.parse('2027-04-29T22:00Z');
    expect(await schedulers.getJobScheduler('s')).toMatchObject({ next });
    await schedulers.close();
  });

  it('takes a run once, however often it is offered, and goes on with a new connection', async () => {
    const taken: string[] = [];
    const worker = startWorker(async ({ run }) => void taken.push(run));
    await Promise.all([queue.offer('s', '1'), queue.offer('s', '1'), queue.offer('s', '1')]);
    await eventually(() => taken.length === 1);
    worker.renew();
    await queue.offer('s', '2');
    await eventually(() => taken.length === 2);
    await eventually(() => worker.isIdle);
    expect(taken).toEqual(['1', '2']);
    await worker.stop();
  });

  it('gives a run back when it stops, without using an attempt', async () => {
    const worker = startWorker(
      async ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    );
    await queue.offer('s', '1');
    await eventually(() => !worker.isIdle);
    await worker.stop();
    expect(await queue.isWaiting('s', '1')).toBe(true);
    const attempts: boolean[] = [];
    const next = startWorker(async ({ isLast }) => void attempts.push(isLast));
    await eventually(() => attempts.length === 1);
    expect(attempts).toEqual([false]);
    await next.stop();
  });

  it('renews the lock of a run while it lasts, and aborts the run whose lock is lost', async () => {
    const aborted = Promise.withResolvers<unknown>();
    const worker = startWorker(
      async ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.resolve(signal.reason);
            resolve();
          });
        }),
      () => undefined, // BullMQ says that the run cannot be ended
    );
    await queue.offer('s', '1');
    await eventually(() => !worker.isIdle);
    const lock = `${keys.home.queuePrefix}:schedules:s.1:lock`;
    const atFirst = await redis.pttl(lock);
    await eventually(async () => {
      const left = await redis.pttl(lock);
      return left < atFirst - 500;
    });
    await eventually(async () => (await redis.pttl(lock)) > atFirst - 500);
    await redis.set(lock, 'of another worker');
    expect(await aborted.promise).toBe('lock lost');
    await eventually(() => worker.isIdle);
    await worker.stop();
  });

  it('tries a failing run four times, after 5, 10 and 20 seconds', async () => {
    const attempts: boolean[] = [];
    const worker = startWorker(async ({ isLast }) => {
      attempts.push(isLast);
      throw new Error('not now');
    });
    const jobs = new Queue(SCHEDULES, { connection: redis, prefix: keys.home.queuePrefix });
    await queue.offer('s', '1');
    const delays = new Map<number, number>();
    await eventually(async () => {
      for (const job of await jobs.getDelayed()) {
        delays.set(job.attemptsMade, job.delay);
        // Nobody waits for it.
        await job.promote();
      }
      return attempts.length === 4;
    });
    for (const [made, delay] of delays) {
      expect(delay).toBe(5_000 * 2 ** (made - 1));
    }
    expect(delays.size).toBeGreaterThan(0);
    expect(attempts).toEqual([false, false, false, true]);
    await eventually(
      async () => (await redis.exists(`${keys.home.queuePrefix}:schedules:s.1`)) === 0,
    );
    await jobs.close();
    await worker.stop();
  });
});
