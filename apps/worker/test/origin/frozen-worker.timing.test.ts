import { closeAfterEach, eventually, redisUrl, type Running } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { type Fleet, range, recordedIndexes, setUpFleet } from '../fleet/fleet-fixture.ts';
import { startRedisProxy } from '../fleet/redis-proxy.ts';
import { type PoliteOrigin, politeCrawl, startPoliteOrigin } from './politeness-fixture.ts';

closeAfterEach();

/** Fetches that may be in flight. */
const LIMIT = 4;

interface Beside {
  readonly fleet: Fleet;
  readonly origin: PoliteOrigin;
}

/** Stops a worker until its leases have ended and another one has all permits. */
async function freeze(worker: Running, { fleet, origin }: Beside): Promise<void> {
  worker.signal('SIGSTOP');
  const { length } = await origin.seen();
  await origin.behave({ delayMs: 3_000 });
  await fleet.worker();
  await eventually(async () => {
    const since = (await origin.seen()).slice(length);
    return since.some(({ inFlight }) => inFlight === LIMIT);
  });
  worker.signal('SIGCONT');
}

/** The most fetches in flight where one of two workers is cut off from Redis while its own last. */
async function mostInFlight(
  cut: (redis: Awaited<ReturnType<typeof startRedisProxy>>) => void | Promise<void>,
): Promise<number> {
  const { fleet, results } = await setUpFleet();
  const redis = await startRedisProxy(redisUrl());
  await fleet.worker(['--concurrency', '10'], { REDIS_URL: redis.url });
  const origin = await startPoliteOrigin({ delayMs: 25_000 });
  await fleet.enqueue('cut', politeCrawl(origin, 40, `concurrency: ${LIMIT}`));
  await eventually(async () => (await origin.seen()).length === LIMIT);
  await cut(redis);
  await origin.behave({ delayMs: 20 });
  await fleet.worker();
  expect(await fleet.finished('cut')).toMatchObject({ ok: 40 });
  expect(await recordedIndexes(results, 'cut')).toEqual(range(40));
  return Math.max(...(await origin.seen()).map(({ inFlight }) => inFlight));
}

describe('the limit of fetches in flight', () => {
  it('holds where a worker stood still with an answer of the gate to read', async () => {
    const { fleet, results } = await setUpFleet();
    const redis = await startRedisProxy(redisUrl());
    // With fewer permits than the origin has, it is granted what it asks for.
    const worker = await fleet.worker(['--concurrency', '2'], { REDIS_URL: redis.url });
    const origin = await startPoliteOrigin({ delayMs: 50 });
    await fleet.enqueue('asking', politeCrawl(origin, 100, `concurrency: ${LIMIT}`));
    await eventually(async () => (await origin.seen()).length > LIMIT);
    const passOn = await redis.holdAnswers('"want":');
    const frozen = freeze(worker, { fleet, origin });
    passOn();
    await frozen;
    const { length } = await origin.seen();
    await eventually(async () => (await origin.seen()).length > length);
    await origin.behave({ delayMs: 20 });
    expect(await fleet.finished('asking')).toMatchObject({ ok: 100 });
    expect(await recordedIndexes(results, 'asking')).toEqual(range(100));
    const most = Math.max(...(await origin.seen()).map(({ inFlight }) => inFlight));
    expect(most).toBe(LIMIT);
  });

  it('holds where a worker is cut off from Redis', async () => {
    expect(await mostInFlight(async (redis) => redis.stop())).toBe(LIMIT);
  });

  it('holds where nothing comes through from Redis any more', async () => {
    const most = await mostInFlight((redis) => {
      redis.swallow();
      redis.swallowLater(() => true);
    });
    expect(most).toBe(LIMIT);
  });
});
