import { closeAfterEach, eventually, redisUrl, temporaryFolder } from '@fetchfleet/testing';
import { Origins } from '@fetchfleet/fleet';
import { beforeAll, describe, expect, it } from '@jest/globals';
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
  type PoliteOrigin,
  type Seen,
  startPoliteOrigin,
} from './politeness-fixture.ts';

// All tests share four workers. Every test has its own batches and origins.
let fleet: Fleet;
let results: string;

beforeAll(async () => {
  ({ path: results } = await temporaryFolder());
  fleet = await startFleet(redisUrl(), results);
  await Promise.all(Array.from({ length: 4 }, async () => fleet.worker(['--concurrency', '30'])));
});

closeAfterEach();

async function expectAllFetched(id: string, total: number): Promise<void> {
  expect(await fleet.finished(id)).toMatchObject({ settled: total, ok: total, failed: 0 });
  expect(await recordedIndexes(results, id)).toEqual(range(total));
}

async function seenAtLeast(origin: PoliteOrigin, count: number): Promise<readonly Seen[]> {
  return eventually(async () => {
    const seen = await origin.seen();
    expect(seen.length).toBeGreaterThanOrEqual(count);
    return seen;
  });
}

/** Without the requests that try a path again. */
function firstOfEachPath(seen: readonly Seen[]): readonly Seen[] {
  const paths = new Set<string>();
  return seen.filter(({ path }) => !paths.has(path) && paths.add(path));
}

async function firstRefusal(origin: PoliteOrigin): Promise<number> {
  return eventually(async () => {
    const refused = (await origin.seen()).find(({ status }) => status === 429);
    if (refused === undefined) {
      throw new Error('nothing was refused yet');
    }
    return refused.at;
  });
}

function after(seen: readonly Seen[], ms: number, until = Infinity): readonly Seen[] {
  return seen.filter(({ at }) => at > ms && at <= until);
}

async function mostAtFifty(burst: number): Promise<number> {
  const origin = await startPoliteOrigin();
  const id = `rate-${burst}`;
  await fleet.enqueue(id, politeCrawl(origin, 150, `rate: 50/s, burst: ${burst}`));
  await expectAllFetched(id, 150);
  const seen = await origin.seen();
  expect(seen).toHaveLength(150);
  return mostInOneSecond(seen);
}

describe('a rate', () => {
  it('is not exceeded in any second by four workers, with or without a burst', async () => {
    const [single, burst] = await Promise.all([mostAtFifty(1), mostAtFifty(10)]);
    expect(single).toBeLessThanOrEqual(51);
    expect(burst).toBeLessThanOrEqual(60);
  });

  it('holds for all batches of the origin if it is the strictest', async () => {
    const origin = await startPoliteOrigin();
    await fleet.enqueue('strict', politeCrawl(origin, 40, 'rate: 20/s'));
    await seenAtLeast(origin, 1);
    await fleet.enqueue('lax', politeCrawl(origin, 40, 'rate: 200/s, burst: 50'));
    await expectAllFetched('strict', 40);
    await expectAllFetched('lax', 40);
    expect(mostInOneSecond(await origin.seen())).toBeLessThanOrEqual(21);
  });

  it('holds for a running batch within 2 s of being set for the origin', async () => {
    const [slow, fast] = [await startPoliteOrigin(), await startPoliteOrigin()];
    const origins = new Origins(fleet.redis, fleet.keys);
    await fleet.enqueue('raised', politeCrawl(slow, 40, 'rate: 1/s'));
    await fleet.enqueue('lowered', politeCrawl(fast, 1_000, 'rate: 50/s'));
    await seenAtLeast(slow, 2);
    await seenAtLeast(fast, 30);
    await origins.set(slow.url, { rate: { count: 50, perMs: 1000 } });
    await origins.set(fast.url, { rate: { count: 5, perMs: 1000 } });
    const [raisedAt, loweredAt] = [await slow.now(), await fast.now()];
    await eventually(async () => (await fast.now()) > loweredAt + 3_000);
    const raised = after(await slow.seen(), raisedAt, raisedAt + 2_000);
    expect(raised.length).toBeGreaterThanOrEqual(5);
    const lowered = after(await fast.seen(), loweredAt + 2_000, loweredAt + 3_000);
    expect(lowered.length).toBeLessThanOrEqual(6);
    expect(lowered.length).toBeGreaterThanOrEqual(1);
  });

  it('is used at once when it is raised, by slices deferred under the old one', async () => {
    const origin = await startPoliteOrigin();
    const origins = new Origins(fleet.redis, fleet.keys);
    await fleet.enqueue('deferred', politeCrawl(origin, 2_000, 'concurrency: 50, rate: 2/s'), 50);
    await seenAtLeast(origin, 3);
    await eventually(async () => (await fleet.queue.counts())['waiting'] === 0);
    await origins.set(origin.url, { rate: { count: 200, perMs: 1_000 } });
    const raisedAt = await origin.now();
    await expectAllFetched('deferred', 2_000);
    const seen = await origin.seen();
    const [first] = seen.filter(({ at }) => at > raisedAt + 50);
    expect((first?.at ?? Infinity) - raisedAt).toBeLessThan(2_000);
    // 2,000 fetches need 10 s. Slices that came back by themselves would need 15 minutes.
    expect((seen.at(-1)?.at ?? Infinity) - raisedAt).toBeLessThan(16_000);
    expect(mostInOneSecond(seen)).toBeLessThanOrEqual(201);
  });

  it('of one start per second is taken from robots.txt', async () => {
    const origin = await startPoliteOrigin({ robots: 'User-agent: *\nCrawl-delay: 1\n' });
    await fleet.enqueue('delay', politeCrawl(origin, 5, 'robots: obey, burst: 5'));
    await expectAllFetched('delay', 5);
    const times = (await origin.seen()).map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
    expect(Math.min(...gaps)).toBeGreaterThan(950);
    expect(Math.max(...gaps)).toBeLessThan(2_500);
  });
});

describe.each(['got', 'native'])('an origin that is far away, over %s', (transport) => {
  it('gets what waited for its connections in turns of its own', async () => {
    const own = await startFleet(redisUrl(), results);
    const flags = ['--concurrency', '30', '--transport', transport, '--allow-insecure-tls'];
    await Promise.all([own.worker(flags), own.worker(flags)]);
    const origin = await startPoliteOrigin();
    const text = politeCrawl({ url: origin.farUrl }, 200, 'rate: 50/s', {
      network: '{ allowPrivate: true, tls: { insecure: true } }',
    });
    await own.enqueue(`far-${transport}`, text);
    const status = await own.finished(`far-${transport}`);
    expect(status).toMatchObject({ settled: 200, ok: 200, failed: 0 });
    const seen = await origin.seen();
    expect(seen).toHaveLength(200);
    expect(mostInOneSecond(seen)).toBeLessThanOrEqual(51);
  });
});

describe('an origin that answers 429', () => {
  it('gets no requests from the fleet during its block, while other origins go on', async () => {
    const [origin, other] = [await startPoliteOrigin({ delayMs: 50 }), await startPoliteOrigin()];
    await fleet.enqueue('blocked', politeCrawl(origin, 400, 'concurrency: 16'));
    await fleet.enqueue('other', politeCrawl(other, 300, 'rate: 50/s'));
    await seenAtLeast(origin, 50);
    await seenAtLeast(other, 20);
    await origin.behave({ delayMs: 50, status: 429, retryAfter: '3' });
    const refusedAt = await firstRefusal(origin);
    const otherRefusedAt = await other.now();
    await eventually(async () => (await origin.now()) > refusedAt + 1_000);
    await origin.behave({ delayMs: 50 });
    await expectAllFetched('blocked', 400);
    await expectAllFetched('other', 300);
    const seen = await origin.seen();
    const refused = seen.filter(({ status }) => status === 429);
    expect(refused.length).toBeLessThanOrEqual(16);
    // The answer takes 50 ms, and longer on a busy machine to reach all workers.
    expect(after(seen, refusedAt + 500, refusedAt + 3_000)).toHaveLength(0);
    const meanwhile = after(await other.seen(), otherRefusedAt, otherRefusedAt + 2_500);
    expect(meanwhile.length).toBeGreaterThan(75);
    const records = await readRecords(results, 'blocked');
    expect(new Set(records.map(({ attempts }) => attempts))).toEqual(new Set([1]));
  });
});

describe('an origin that fails', () => {
  it('for a hundred URLs is left alone, and tried by few until it answers again', async () => {
    const origin = await startPoliteOrigin({ delayMs: 20, status: 500 });
    const text = politeCrawl(origin, 200, 'concurrency: 8', {
      retry: '{ attempts: 4, backoff: 100ms }',
    });
    await fleet.enqueue('failing', text);
    const hundredth = await eventually(async () => {
      const first = firstOfEachPath(await origin.seen())[99];
      expect(first).toBeDefined();
      return first;
    });
    const openedAt = (hundredth?.at ?? 0) + 500;
    await eventually(async () => (await origin.now()) > openedAt + 4_000);
    await origin.behave({ delayMs: 20 });
    await expectAllFetched('failing', 200);
    const seen = await origin.seen();
    const failed = seen.filter(({ status }) => status === 500);
    // A hundred different URLs open the breaker; on four workers, up to 32 more start until then.
    const paths = firstOfEachPath(after(seen, 0, openedAt));
    expect(paths.length).toBeLessThanOrEqual(100 + 32);
    expect(after(failed, openedAt).length).toBeLessThanOrEqual(2);
    expect(after(failed, openedAt).map(({ inFlight }) => inFlight)).not.toContain(2);
    const records = await readRecords(results, 'failing');
    const used = records.reduce((sum, { attempts }) => sum + attempts - 1, 0);
    expect(used).toBeLessThanOrEqual(failed.length);
  });

  it('fails its fetches within seconds of the end of their patience', async () => {
    const failing = await startPoliteOrigin({ status: 500 });
    const refusing = await startPoliteOrigin({ status: 429 });
    // Each block is too short for slices to be deferred.
    const brief = await startPoliteOrigin({ status: 429, retryAfter: '1' });
    const extra = { retry: '{ attempts: 20, backoff: 100ms }' };
    await fleet.enqueue('dead', politeCrawl(failing, 200, 'concurrency: 8, patience: 2s', extra));
    await fleet.enqueue('busy', politeCrawl(refusing, 200, 'concurrency: 8, patience: 2s', extra));
    await fleet.enqueue('brief', politeCrawl(brief, 200, 'concurrency: 8, patience: 3s', extra));
    expect(await fleet.finished('dead')).toMatchObject({ settled: 200, failed: 200 });
    expect(await fleet.finished('busy')).toMatchObject({ settled: 200, failed: 200 });
    expect(await fleet.finished('brief')).toMatchObject({ settled: 200, failed: 200 });
    const dead = await readRecords(results, 'dead');
    const codes = dead.map(({ attempts, error }) => [attempts > 0, error?.code]);
    // Those that were tried have failed for their own reason.
    const expected = dead.map(({ attempts }) =>
      attempts > 0 ? [true, 'HTTP_500'] : [false, 'ORIGIN_UNAVAILABLE'],
    );
    expect(codes).toEqual(expected);
    expect(codes.filter(([isTried]) => isTried !== true).length).toBeGreaterThan(10);
  });
});
