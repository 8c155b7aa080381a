import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Politeness } from '@fetchfleet/crawl';
import {
  EMPTY_REPORT,
  Gate,
  type GateAnswer,
  type OriginReport,
  Origins,
} from '../../src/index.ts';
import { freshFleet, plan } from '../fixture.ts';

closeAfterEach();

const origin = 'https://a.example';
async function fleet() {
  const { redis, keys } = await freshFleet();
  const gates = [0, 1].map((i) => new Gate({ redis, keys, worker: `w-${i}` }));
  const [first, second] = gates;
  if (first === undefined || second === undefined) {
    throw new Error('none');
  }
  const origins = new Origins(redis, keys);
  return { redis, keys, first, second, origins };
}

async function ask(
  gate: Gate,
  want: number,
  options: {
    readonly politeness?: Partial<Politeness>;
    readonly report?: Partial<OriginReport>;
    readonly crawlDelayMs?: number;
    readonly inFlight?: number;
  } = {},
): Promise<GateAnswer> {
  return gate.exchange(origin, {
    inFlight: options.inFlight ?? 0,
    want,
    horizonMs: 50,
    leadMs: 0,
    waiting: 0,
    arrivals: [],
    report: { ...EMPTY_REPORT, ...options.report },
    batches: [{ batch: 'b', politeness: { ...plan.politeness, ...options.politeness } }],
    ...(options.crawlDelayMs !== undefined && { crawlDelayMs: options.crawlDelayMs }),
  });
}

function sum(values: readonly number[] = []): number {
  return values.reduce((all, one) => all + one, 0);
}

describe('the status of an origin', () => {
  it('has its limits, the permits in use and the deferred fetches', async () => {
    const { first, second, origins } = await fleet();
    const politeness = { rate: { count: 600, perMs: 60_000 }, burst: 10, concurrency: 4 };
    expect((await ask(first, 3, { politeness })).granted).toBe(3);
    expect((await ask(second, 3, { politeness })).granted).toBe(1);
    await first.defer(origin, { slice: 'b.0', count: 40, ticket: 0 });
    expect(await origins.status(origin)).toEqual({
      origin,
      rate: { limit: '10/s', perSecond: 10, source: 'crawl file' },
      burst: 10,
      concurrency: { limit: 4, source: 'crawl file' },
      inUse: 4,
      workers: 2,
      waiting: 40,
      breaker: 'closed',
    });
  });

  it('has what was fetched there in the last hour', async () => {
    const { redis, keys, origins } = await fleet();
    const work = new Map([[origin, { ended: 5, refused: 2 }]]);
    await origins.markActive([origin, 'https://idle.example'], work);
    await origins.markActive([origin], new Map([[origin, { ended: 3, refused: 0 }]]));
    const hours = await origins.lastHour([origin, 'https://idle.example']);
    // The clock of Redis may have moved on to the next five minutes.
    expect([sum(hours.get(origin)?.ended), sum(hours.get(origin)?.refused)]).toEqual([8, 2]);
    expect(hours.get(origin)?.ended).toHaveLength(12);
    expect(sum(hours.get('https://idle.example')?.ended)).toBe(0);
    const [slot = ''] = await redis.keys(`${keys.originWork}*`);
    expect(await redis.ttl(slot)).toBeGreaterThan(3_600);
    await redis.set(slot, 'something else');
    await origins.markActive([origin], work);
    expect((await origins.lastHour([origin])).get(origin)?.ended).toHaveLength(12);
  });

  it('says why it is down, once to the worker, and which batches it holds', async () => {
    const { first, origins } = await fleet();
    const down = { ended: 10, failures: 10, lastError: 'refused the connection' };
    const opened = await ask(first, 1, { report: down });
    expect(opened).toMatchObject({ hasChanged: true, lastError: 'refused the connection' });
    expect(await ask(first, 1)).not.toHaveProperty('lastError');
    expect(await origins.status(origin)).toMatchObject({ lastError: 'refused the connection' });
    await origins.markActive([origin]);
    await first.defer(origin, { slice: 'waits.0', count: 1, ticket: 0 });
    for (const [batch, held] of Object.entries({ b: [origin], waits: [origin], other: [] })) {
      expect((await origins.holding(batch)).map((one) => one.origin)).toEqual(held);
    }
    await ask(first, 0, { report: { ended: 1, ok: 1 } });
    expect(await origins.status(origin)).not.toHaveProperty('lastError');
    expect(await origins.holding('b')).toEqual([]);
  });

  it('keeps the reason of a block while other fetches fail', async () => {
    const { first, origins } = await fleet();
    const refused = { ended: 1, refused: 1, blockMs: 60_000, blockReason: '429 Retry-After' };
    await ask(first, 0, { report: { ...refused, lastError: 'answered 429, Retry-After 60 s' } });
    await ask(first, 0, { report: { ended: 1, errors: 1, lastError: 'answered 500' } });
    const { lastError } = (await origins.status(origin)) ?? {};
    expect(lastError).toBe('answered 429, Retry-After 60 s');
  });

  it('has its block, its crawl delay and its learned rate', async () => {
    const { first, origins } = await fleet();
    const refusal = { ended: 10, ok: 9, refused: 1, durationMs: 200 };
    await ask(first, 0, { report: refusal, crawlDelayMs: 5_000 });
    const report = { ...refusal, blockMs: 60_000, blockReason: '429' };
    await ask(first, 0, { report });
    const status = await origins.status(origin);
    expect(status).toMatchObject({
      rate: { limit: '12/m', perSecond: 0.2, source: 'robots.txt' },
      blockedFor: '429',
      breaker: 'closed',
      durationMs: 20,
    });
    expect(status?.blockedMs).toBeGreaterThan(55_000);
    expect(status?.blockedMs).toBeLessThanOrEqual(60_000);
    expect(status?.learnedRate).toBeGreaterThan(0);
  });

  it('loses what was learned, and nothing else, when that is forgotten', async () => {
    const { first, origins, redis, keys } = await fleet();
    await ask(first, 0, { report: { ended: 10, ok: 9, refused: 1, durationMs: 200 } });
    await redis.hset(keys.gate(origin), 'window', '3');
    const before = await origins.status(origin);
    expect(before).toMatchObject({ concurrency: { limit: 3, source: 'learned' } });
    await origins.forget(origin);
    const after = await origins.status(origin);
    expect(after?.learnedRate).toBeUndefined();
    expect(after?.concurrency.source).toBe('crawl file');
    expect(after?.durationMs).toBe(before?.durationMs);
  });

  it('has the breaker that its failures have opened', async () => {
    const { first, origins } = await fleet();
    await ask(first, 0, { report: { ended: 30, durationMs: 30, failures: 30 } });
    const status = await origins.status(origin);
    expect(status?.breaker).toBe('open');
    expect(status?.openMs).toBeGreaterThan(0);
  });

  it('is undefined where no worker has asked', async () => {
    const { origins } = await fleet();
    expect(await origins.status(origin)).toBeUndefined();
    expect(await origins.list()).toEqual([]);
    expect(await origins.list([origin])).toEqual([]);
  });

  it('can be read when Redis has lost the scripts', async () => {
    const { redis, origins } = await fleet();
    await origins.set(origin, { burst: 2 });
    await redis.script('FLUSH');
    expect(await origins.status(origin)).toMatchObject({ origin, burst: 2 });
  });
});

describe('limits that a person sets', () => {
  it('override those of the crawl file from the next exchange until they are unset', async () => {
    const { first, origins } = await fleet();
    expect((await ask(first, 50)).granted).toBe(4);
    await origins.set(origin, { concurrency: 7 });
    expect((await ask(first, 50)).granted).toBe(7);
    await origins.set(origin, { concurrency: 'unlimited', rate: { count: 1, perMs: 1_000 } });
    expect(await origins.status(origin)).toMatchObject({
      rate: { limit: '1/s', source: 'set' },
      concurrency: { limit: 'unlimited', source: 'set' },
    });
    expect(await ask(first, 50)).toMatchObject({ granted: 1, state: 'rate' });
    expect(await origins.unset(origin)).toBe(true);
    expect(await origins.unset(origin)).toBe(false);
    expect((await ask(first, 50)).granted).toBe(4);
    expect(await origins.status(origin)).toMatchObject({
      rate: { limit: 'unlimited', source: 'crawl file' },
      concurrency: { limit: 4, source: 'crawl file' },
    });
  });

  it('keep the limits that they do not name', async () => {
    const { origins } = await fleet();
    await origins.set(origin, { rate: { count: 5, perMs: 1_000 }, burst: 3 });
    await origins.set(origin, { concurrency: 2 });
    await origins.set(origin, {});
    expect(await origins.status(origin)).toMatchObject({
      rate: { limit: '5/s', source: 'set' },
      burst: 3,
      concurrency: { limit: 2, source: 'set' },
    });
  });

  it('hold at once, even if the next start was far away at a slower rate', async () => {
    const { first, origins } = await fleet();
    const politeness = { rate: { count: 1, perMs: 3_600_000 } };
    expect((await ask(first, 5, { politeness })).granted).toBe(1);
    expect((await ask(first, 5, { politeness })).againInMs).toBeGreaterThan(3_000_000);
    await origins.set(origin, { rate: { count: 10, perMs: 1_000 } });
    expect((await ask(first, 5, { politeness })).againInMs).toBeLessThan(500);
    await eventually(async () => {
      expect((await ask(first, 1, { politeness })).granted).toBe(1);
    });
  });

  it('give way to a faster crawl file when they are unset, within the crawl delay', async () => {
    const { first, origins } = await fleet();
    await origins.set(origin, { rate: { count: 1, perMs: 3_600_000 } });
    await ask(first, 1, { crawlDelayMs: 2_000 });
    await origins.unset(origin);
    const { granted, againInMs } = await ask(first, 1);
    expect(granted).toBe(0);
    expect(againInMs).toBeLessThanOrEqual(2_100);
    expect(againInMs).toBeGreaterThan(1_000);
  });

  it('allow no start earlier than the rate does', async () => {
    const { first, origins } = await fleet();
    const politeness = { rate: { count: 1, perMs: 10_000 } };
    await ask(first, 1, { politeness });
    await origins.set(origin, { rate: { count: 1, perMs: 60_000 } });
    expect(await ask(first, 1, { politeness })).toMatchObject({ granted: 0 });
  });

  it('are kept and listed for an origin that no worker has worked on', async () => {
    const { redis, keys, origins } = await fleet();
    await origins.set(origin, { rate: { count: 5, perMs: 1_000 } });
    expect(await redis.ttl(keys.gateSettings(origin))).toBe(-1);
    expect(await redis.exists(keys.gate(origin))).toBe(0);
    expect(await origins.list()).toMatchObject([{ origin, rate: { limit: '5/s', source: 'set' } }]);
    await origins.unset(origin);
    expect(await origins.list()).toEqual([]);
  });
});

describe('the list of origins', () => {
  it('has the origins of the last day by name, and forgets older ones', async () => {
    const { redis, keys, first, origins } = await fleet();
    const [seconds] = await redis.time();
    const daysAgo = Number(seconds) - 2 * 86_400;
    await redis.zadd(keys.origins, daysAgo, 'https://old.example');
    await redis.hset(keys.gate('https://old.example'), 'tail', '5');
    await redis.hset(keys.gate('https://0.example'), 'tail', '7', 'head', '3');
    await redis.zadd(keys.waitlist('https://0.example'), 7 * 64 + 4, 'b.3');
    await ask(first, 1);
    await origins.markActive([origin, 'https://0.example', 'https://seen-only.example']);
    const list = await origins.list();
    expect(list.map((one) => [one.origin, one.waiting])).toEqual([
      ['https://0.example', 4],
      [origin, 0],
    ]);
    expect(await redis.zscore(keys.origins, 'https://old.example')).toBeNull();
    expect(await origins.list([origin])).toMatchObject([{ origin }]);
  });

  it('keeps the 10,000 origins that were active last', async () => {
    const { redis, keys, origins } = await fleet();
    const [seconds] = await redis.time();
    const old = Array.from({ length: 10_000 }, (_, i) => `https://old-${i}.example`);
    await redis.zadd(keys.origins, ...old.flatMap((name) => [Number(seconds) - 100, name]));
    const fresh = Array.from({ length: 700 }, (_, i) => `https://new-${i}.example`);
    await origins.markActive(fresh);
    expect(await redis.zcard(keys.origins)).toBe(10_000);
    expect(await redis.zcount(keys.origins, Number(seconds) - 50, '+inf')).toBe(700);
    await origins.markActive([]);
  });

  it('reads thousands of origins', async () => {
    const { redis, keys, origins } = await fleet();
    const names = Array.from({ length: 2_000 }, (_, i) => `https://o-${i}.example`);
    await origins.markActive(names);
    await Promise.all(names.map(async (name) => redis.hset(keys.gate(name), 'tail', '1')));
    expect(await origins.list()).toHaveLength(2_000);
  });
});
