import {
  closeAfterEach,
  eventually,
  redisUrl,
  shiftedClock,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import { Origins } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import {
  type Fleet,
  range,
  readRecords,
  recordedIndexes,
  startFleet,
} from '../fleet/fleet-fixture.ts';
import {
  mostInOneSecond,
  politeCrawl,
  type Seen,
  startPoliteOrigin,
} from './politeness-fixture.ts';

closeAfterEach();

async function startWorkers(url = redisUrl(), clockShifts: readonly number[] = [0, 0, 0, 0]) {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(url, results);
  const workers = await Promise.all(
    clockShifts.map(async (shiftMs) =>
      fleet.worker(['--concurrency', '30'], shiftMs === 0 ? {} : shiftedClock(shiftMs)),
    ),
  );
  return { fleet, results, workers };
}

async function expectAllFetched(fleet: Fleet, results: string, id: string): Promise<void> {
  const { total, ...status } = await fleet.finished(id);
  expect(status).toMatchObject({ settled: total, ok: total, failed: 0 });
  expect(await recordedIndexes(results, id)).toEqual(range(total));
}

/** How long ago a worker whose fetches wait has asked the gate of the origin. */
async function lastAskMs({ redis, keys }: Fleet, origin: string): Promise<number> {
  const entries = Object.entries(await redis.hgetall(keys.gate(origin)));
  const [, waits = ''] = entries.find(([field]) => field.startsWith('waits:')) ?? [];
  const [, askedAtUs] = waits.split(' ');
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + (Number(micros) - Number(askedAtUs)) / 1_000;
}

/** Time between the first and the second request for the same path, in milliseconds. */
function retryGaps(seen: readonly Seen[]): number[] {
  const first = new Map<string, number>();
  return seen.flatMap(({ path, at }) => {
    const before = first.get(path);
    first.set(path, at);
    return before === undefined ? [] : [at - before];
  });
}

describe('the limits of an origin', () => {
  it('are used again within 15 s when a worker dies with permits, and never exceeded', async () => {
    const { fleet, results, workers } = await startWorkers();
    const origin = await startPoliteOrigin({ delayMs: 500 });
    await fleet.enqueue('orphaned', politeCrawl(origin, 240, 'concurrency: 8'));
    const holder = await eventually(async () => {
      const gate = await fleet.redis.hgetall(fleet.keys.gate(origin.url));
      const lease = Object.entries(gate).find(
        ([field, value]) => field.startsWith('lease:') && Number(value.split(' ')[0]) >= 2,
      );
      return (
        workers.find(({ stderr }) => lease !== undefined && stderr.includes(lease[0].slice(6))) ??
        false
      );
    });
    if (holder === false) {
      throw new Error('no worker holds permits');
    }
    await holder.kill('SIGKILL');
    const killedAt = await origin.now();
    await eventually(
      async () => {
        const seen = await origin.seen();
        return seen.some(({ at, inFlight }) => at > killedAt + 1_000 && inFlight === 8);
      },
      { intervalMs: 200 },
    );
    await expectAllFetched(fleet, results, 'orphaned');
    expect(Math.max(...(await origin.seen()).map(({ inFlight }) => inFlight))).toBeLessThanOrEqual(
      8,
    );
  });

  it('do not depend on the clocks of workers', async () => {
    const hour = 3_600_000;
    const { fleet, results } = await startWorkers(redisUrl(), [hour, -hour, 0, 0]);
    const origin = await startPoliteOrigin({ delayMs: 20, failFirst: 10 });
    const extra = { retry: '{ attempts: 5, backoff: 2s }' };
    const from = Date.now();
    await fleet.enqueue('skewed', politeCrawl(origin, 200, 'rate: 50/s', extra));
    await expectAllFetched(fleet, results, 'skewed');
    const seen = await origin.seen();
    expect(seen).toHaveLength(220);
    expect(mostInOneSecond(seen)).toBeLessThanOrEqual(51);
    const records = await readRecords(results, 'skewed');
    expect(Math.max(...records.map(({ attempts }) => attempts))).toBe(2);
    // Slices came back when they were due, whichever workers delayed and claimed them.
    const gaps = retryGaps(seen);
    expect(gaps).toHaveLength(20);
    // Backoff has full jitter: between 0 and 2 s, 1 s on average.
    expect(gaps.reduce((sum, gap) => sum + gap, 0) / 20).toBeGreaterThan(350);
    expect(Math.max(...gaps)).toBeLessThan(10_000);
    const starts = records.map(({ startedAt }) => Date.parse(startedAt));
    expect(Math.min(...starts)).toBeGreaterThan(from - 2_000);
    expect(Math.max(...starts)).toBeLessThan(Date.now() + 2_000);
  });

  it('hold within 2 s of being raised also where the worker is not told', async () => {
    const redis = await startRedis();
    const { fleet, results } = await startWorkers(redis.url, [0]);
    const origin = await startPoliteOrigin();
    const origins = new Origins(fleet.redis, fleet.keys);
    await fleet.enqueue('slow', politeCrawl(origin, 100, 'rate: 2/m'));
    // Alone, it asks when its turn comes, in ten seconds at the earliest, and not every second.
    await eventually(async () => (await lastAskMs(fleet, origin.url)) > 1_500);
    await fleet.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await origins.set(origin.url, { rate: { count: 50, perMs: 1_000 } });
    const listening = await fleet.redis.pubsub('NUMSUB', fleet.keys.gateNotifications);
    const raisedAt = await origin.now();
    expect(listening.at(1)).toBe(0);
    await expectAllFetched(fleet, results, 'slow');
    const [, second] = await origin.seen();
    expect((second?.at ?? Infinity) - raisedAt).toBeLessThan(2_000);
    await fleet.stop();
    await redis.dispose();
  });

  it('outlive a restart of Redis and a SCRIPT FLUSH', async () => {
    const redis = await startRedis({ appendonly: true, appendfsync: 'always' });
    const { fleet, results } = await startWorkers(redis.url);
    const origin = await startPoliteOrigin();
    const blocked = await startPoliteOrigin({ status: 429, retryAfter: '6' });
    await fleet.enqueue('limited', politeCrawl(origin, 300, 'rate: 50/s'));
    await fleet.enqueue('blocked', politeCrawl(blocked, 40, 'concurrency: 4'));
    await eventually(async () => (await origin.seen()).length > 30);
    await eventually(async () => (await blocked.seen()).length > 0);
    await fleet.redis.script('FLUSH');
    await eventually(async () => (await origin.seen()).length > 100);
    await blocked.behave({ delayMs: 20 });
    await redis.restart();
    await expectAllFetched(fleet, results, 'limited');
    await expectAllFetched(fleet, results, 'blocked');
    expect(mostInOneSecond(await origin.seen())).toBeLessThanOrEqual(51);
    const seen = await blocked.seen();
    const refusedAt = seen[0]?.at ?? 0;
    const during = seen.filter(({ at }) => at > refusedAt + 500 && at < refusedAt + 6_000);
    expect(during).toHaveLength(0);
    await fleet.stop();
    await redis.dispose();
  });
});
