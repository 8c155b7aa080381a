import { setTimeout as sleep } from 'node:timers/promises';
import {
  closeAfterEach,
  eventually,
  redisUrl,
  type Running,
  startOrigin,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  crawlFile,
  range,
  readRecords,
  recordedIndexes,
  startFleet,
} from '../fleet/fleet-fixture.ts';
import { startRedisProxy } from '../fleet/redis-proxy.ts';

closeAfterEach();

/** The shortest that is allowed. */
const STALL = ['--stall-timeout', '10s'];

async function setUp(url = redisUrl()) {
  const origin = await startOrigin();
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(url, results);
  const proxy = await startRedisProxy(url);
  const worker = async (flags: readonly string[] = []): Promise<Running> =>
    fleet.worker([...STALL, '--no-schedules', '--redis-url', proxy.url, ...flags]);
  return { origin, results, fleet, proxy, worker };
}

async function ask(worker: Running, path: string): Promise<{ status: number; text: string }> {
  const [, port] = await worker.waitForLine(/"metricsPort":(\d+)/);
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

async function metric(worker: Running, name: string): Promise<number> {
  const { text } = await ask(worker, '/metrics');
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
}

async function expectWedgedThenWell(worker: Running): Promise<void> {
  await worker.waitForLine(/worker is stuck; it takes new connections/);
  await worker.waitForLine(/worker makes progress again/);
  await eventually(async () => expect((await ask(worker, '/healthz')).status).toBe(200));
  expect(await metric(worker, 'fetchfleet_rebuilds_total')).toBe(1);
  expect(await metric(worker, 'fetchfleet_wedged')).toBe(0);
}

describe('a worker that waits for a lost answer', () => {
  it('reports it, replaces its connections, and neither loses nor repeats a fetch', async () => {
    const { origin, results, fleet, proxy, worker } = await setUp();
    const isReleased = { value: false };
    origin.respond(/held/, async (_, response) => {
      await eventually(() => isReleased.value);
      response.end('done');
    });
    const held = await fleet.enqueue('held', crawlFile(`${origin.url}/held/{n}`, 10));
    const stuck = await worker();
    await eventually(() => expect(origin.inFlight).toBe(held));
    // The connection that waits for slices goes dead, and so does the first one that replaces it.
    let swallowed = 0;
    await eventually(() => proxy.swallow('bzpopmin') === 1);
    proxy.swallowLater((sent) => sent.includes('$4\r\ninfo') && ++swallowed === 1);
    const total = await fleet.enqueue('after', crawlFile(`${origin.url}/echo/{n}`, 20));
    await stuck.waitForLine(/worker is stuck/);
    await expectWedgedThenWell(stuck);
    expect(await fleet.finished('after')).toMatchObject({ ok: total });
    isReleased.value = true;
    expect(await fleet.finished('held')).toMatchObject({ ok: held });
    expect(await recordedIndexes(results, 'held')).toEqual(range(held));
    expect(await readRecords(results, 'held')).toHaveLength(held);
    expect(origin.arrivals).toHaveLength(held + total);
  });

  it('notices it on every connection', async () => {
    const { origin, fleet, proxy, worker } = await setUp();
    const stuck = await worker();
    await eventually(async () => expect(await metric(stuck, 'fetchfleet_redis_connected')).toBe(1));
    proxy.swallow();
    const total = await fleet.enqueue('all', crawlFile(`${origin.url}/echo/{n}`, 20));
    await expectWedgedThenWell(stuck);
    expect(await fleet.finished('all')).toMatchObject({ ok: total });
  });

  it('exits with 4 when new connections do not help, and another worker continues', async () => {
    const { origin, fleet, proxy, worker } = await setUp();
    const stuck = await worker(['--drain-timeout', '500ms']);
    await eventually(() => proxy.swallow('bzpopmin') === 1);
    proxy.swallowLater((sent) => sent.includes('$4\r\ninfo'));
    await stuck.waitForLine(/worker is stuck/);
    expect(await ask(stuck, '/healthz')).toMatchObject({
      status: 503,
      text: expect.stringMatching(/no progress for \d+ s, though Redis works/),
    });
    expect(await metric(stuck, 'fetchfleet_wedged')).toBe(1);
    const total = await fleet.enqueue('later', crawlFile(`${origin.url}/echo/{n}`, 5));
    expect(await stuck.exit).toEqual({ code: 4, signal: null });
    expect(stuck.stderr).toMatch(/this process ends, start a new one/);
    await fleet.worker();
    expect(await fleet.finished('later')).toMatchObject({ ok: total });
  });
});

/** Reasons for no progress that are not a fault of the worker. */
type Outage = 'Redis is frozen' | 'Redis is paused for writes' | 'the worker itself is stopped';

async function outlast(outage: Outage): Promise<string> {
  const redis = await startRedis();
  const { origin, fleet, worker } = await setUp(redis.url);
  const waiting = await worker();
  if (outage === 'Redis is frozen') {
    redis.freeze();
  } else if (outage === 'Redis is paused for writes') {
    await fleet.redis.client('PAUSE', 13_000, 'WRITE');
  } else {
    waiting.signal('SIGSTOP');
  }
  // The outage itself: longer than a worker may be stuck.
  await sleep(13_000);
  waiting.signal('SIGCONT');
  expect((await ask(waiting, '/healthz')).status).toBe(200);
  redis.thaw();
  const total = await fleet.enqueue('away', crawlFile(`${origin.url}/echo/{n}`, 20));
  expect(await fleet.finished('away')).toMatchObject({ ok: total });
  expect(await metric(waiting, 'fetchfleet_rebuilds_total')).toBe(0);
  await waiting.kill('SIGTERM');
  await fleet.stop();
  await redis.dispose();
  return waiting.stderr;
}

describe('a worker', () => {
  it('is not stuck while Redis is frozen or paused for writes, nor after it was stopped itself', async () => {
    const logs = await Promise.all([
      outlast('Redis is frozen'),
      outlast('Redis is paused for writes'),
      outlast('the worker itself is stopped'),
    ]);
    for (const log of logs) {
      expect(log).not.toMatch(/stuck/);
    }
  });
});
