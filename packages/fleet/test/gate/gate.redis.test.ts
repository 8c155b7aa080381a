import type { Politeness } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { OriginReport } from '../../src/index.ts';
import { plan } from '../fixture.ts';
import { origin, unlimited, workers } from './gate-fixture.ts';

closeAfterEach();

describe('fetches in flight', () => {
  it('never exceed the limit over all workers', async () => {
    const { first, second, third } = await workers(3);
    const answers = await Promise.all([first.ask(3), second.ask(3), third.ask(3)]);
    expect(answers.reduce((sum, { granted }) => sum + granted, 0)).toBe(4);
    expect(await first.ask(1)).toMatchObject({ granted: 0, state: 'concurrency', waiters: 3 });
  });

  it('free their permits when they end', async () => {
    const { first, second } = await workers(2);
    expect((await first.ask(10)).granted).toBe(4);
    expect((await second.ask(10)).granted).toBe(0);
    await first.ask(0, { report: { ended: 2, ok: 2, durationMs: 10 } });
    expect((await second.ask(10)).granted).toBe(2);
  });

  it('of a killed worker free their permits when its lease expires, within 15 s', async () => {
    const { redis, keys, first, second } = await workers(2);
    await first.ask(4);
    expect((await second.ask(1)).granted).toBe(0);
    const [count, expiry] = String(await redis.hget(keys.gate(origin), 'lease:w-0')).split(' ');
    const [seconds] = await redis.time();
    expect(Number(expiry) / 1e6 - Number(seconds)).toBeLessThanOrEqual(15);
    await redis.hset(keys.gate(origin), 'lease:w-0', `${count} ${Number(seconds) * 1e6 - 1}`);
    expect((await second.ask(4)).granted).toBe(4);
  });

  it('are limited by the strictest of several batches, or unlimited', async () => {
    const { first } = await workers(1);
    const strict: Politeness = { ...plan.politeness, concurrency: 2 };
    expect((await first.ask(1, { politeness: strict, batch: 'strict' })).granted).toBe(1);
    expect((await first.ask(9, { politeness: unlimited, batch: 'free' })).granted).toBe(1);
    const free = await first.ask(50, { politeness: unlimited, at: 'http://other.example' });
    expect(free).toMatchObject({ granted: 50, state: 'open', allowedInFlight: Infinity });
  });

  it('follow the limit that a person has set before any other', async () => {
    const { redis, keys, first } = await workers(1);
    await redis.hset(keys.gateSettings(origin), 'concurrency', '6');
    expect((await first.ask(50)).granted).toBe(6);
    await redis.hset(keys.gateSettings(origin), 'concurrency', '0');
    expect((await first.ask(50)).granted).toBe(50);
  });
});

describe('a question before there are permits', () => {
  it('is granted where nothing is limited, and leases its starts', async () => {
    const { first, second } = await workers(2);
    const free = { politeness: unlimited, onlyIfFree: true };
    expect(await first.ask(2, free)).toMatchObject({ granted: 2, state: 'open' });
    expect((await second.ask(9)).granted).toBe(2);
  });

  it.each([
    { limit: 'fetches in flight', politeness: plan.politeness },
    { limit: 'the rate', politeness: rated(10) },
  ])('takes nothing from others where $limit is limited', async ({ politeness }) => {
    const { redis, keys, first, second } = await workers(2);
    expect(await first.ask(2, { politeness, onlyIfFree: true })).toMatchObject({
      granted: 0,
      state: 'open',
    });
    expect(await redis.hmget(keys.gate(origin), 'tat', 'lease:w-0')).toEqual([null, null]);
    expect(await second.ask(1, { politeness })).toMatchObject({ granted: 1 });
  });

  it('takes nothing where the limit is that of another batch, or of a person', async () => {
    const { redis, keys, first, second } = await workers(2);
    await second.ask(1, { politeness: rated(10), batch: 'slow' });
    const free = { politeness: unlimited, onlyIfFree: true };
    expect((await first.ask(1, free)).granted).toBe(0);
    await redis.hset(keys.gateSettings('http://set.example'), 'concurrency', '6');
    expect((await first.ask(1, { ...free, at: 'http://set.example' })).granted).toBe(0);
  });
});

function rated(count: number, burst = 1): Politeness {
  return { ...unlimited, rate: { count, perMs: 1000 }, burst };
}

describe('a number that is not finite', () => {
  it.each([
    { what: 'a crawl delay', call: { crawlDelayMs: Infinity } },
    { what: 'a wait of a refusal', call: { report: { ended: 1, blockMs: Infinity } } },
    { what: 'a duration', call: { report: { ended: 1, durationMs: Number.NaN } } },
    { what: 'an interval', call: { politeness: { ...rated(1), rate: { count: 0, perMs: 1 } } } },
  ])('does not reach Redis: $what', async ({ call }) => {
    const { redis, keys, first } = await workers(1);
    await expect(first.ask(1, call)).rejects.toThrow(/^the gate takes finite numbers, not/);
    expect(await redis.exists(keys.gate(origin))).toBe(0);
  });
});

describe('the rate', () => {
  /** Of 100 starts a second, which are spaced 2 % wider. */
  const SPACING_MS = 10.2;

  it('spaces starts, and promises none beyond the next 50 ms', async () => {
    const { first } = await workers(1);
    const answer = await first.ask(50, { politeness: rated(100) });
    expect(answer.state).toBe('rate');
    expect(answer.granted).toBeGreaterThanOrEqual(5);
    expect(answer.granted).toBeLessThanOrEqual(6);
    expect(answer.spacingMs).toBeCloseTo(10.2, 1);
  });

  it('is shared by all workers', async () => {
    const { first, second } = await workers(2);
    const a = await first.ask(50, { politeness: rated(100) });
    const b = await second.ask(50, { politeness: rated(100) });
    const elapsedMs = b.nowMs - a.nowMs;
    expect(a.granted + b.granted).toBeLessThanOrEqual(1 + (elapsedMs + 50) / SPACING_MS);
    const afterFirstMs = elapsedMs + b.firstInMs;
    expect(b.granted === 0 || afterFirstMs > a.granted * SPACING_MS - 1).toBe(true);
  });

  it('lets a burst start at once, and spaces what follows', async () => {
    const { first } = await workers(1);
    const answer = await first.ask(50, { politeness: rated(10, 5) });
    expect(answer.granted).toBe(5);
    expect(answer.firstInMs + 4 * answer.spacingMs).toBeLessThanOrEqual(1);
    const next = await first.ask(50, { politeness: rated(10, 5) });
    expect(next.granted).toBeLessThanOrEqual((next.nowMs - answer.nowMs + 50) / 102);
  });

  it.each([
    { waiting: 2, state: 'rate' },
    { waiting: 1, state: 'open' },
  ])('that grants its last slot is "$state" where $waiting wait', async ({ waiting, state }) => {
    const { first } = await workers(1);
    const answer = await first.ask(1, { politeness: rated(1), waiting });
    expect(answer).toMatchObject({ granted: 1, state });
    // The next question comes before the next slot.
    expect(answer.againInMs).toBeLessThan(1_020);
    expect(answer.againInMs > 900).toBe(state === 'rate');
  });

  it('is the strictest of several batches', async () => {
    const { first } = await workers(1);
    await first.ask(1, { politeness: rated(1), batch: 'slow' });
    expect(await first.ask(50, { politeness: rated(1000), batch: 'fast' })).toMatchObject({
      granted: 0,
      state: 'rate',
    });
  });
});

describe('an origin that refuses', () => {
  it('is blocked for the whole fleet until the end of its Retry-After', async () => {
    const { first, second, redis } = await workers(2);
    await first.ask(1, { politeness: unlimited });
    const refusal = { ended: 1, refused: 1, durationMs: 5, blockMs: 1_000, blockReason: '429' };
    const blocked = await first.ask(0, { politeness: unlimited, report: refusal });
    expect(blocked).toMatchObject({ state: 'blocked', hasChanged: true });
    const asked = await second.ask(50, { politeness: unlimited });
    expect(asked).toMatchObject({ granted: 0, state: 'blocked', hasChanged: false });
    expect(asked.nowMs + asked.againInMs).toBeGreaterThan(blocked.nowMs + 999);
    const other = await second.ask(5, { politeness: unlimited, at: 'http://other.example' });
    expect(other.granted).toBe(5);
    await redis.script('FLUSH');
    await eventually(async () =>
      expect((await second.ask(1, { politeness: unlimited })).granted).toBe(1),
    );
  });

  it('gets a learned rate where it names no time: 90 % of what it accepted', async () => {
    const { first, redis, keys } = await workers(1);
    await first.ask(50, { politeness: unlimited });
    await first.ask(40, { politeness: unlimited, report: { ended: 40, ok: 40, durationMs: 400 } });
    await first.ask(0, { politeness: unlimited, report: { ended: 1, refused: 1, durationMs: 10 } });
    const learned = Number(await redis.hget(keys.gate(origin), 'learned'));
    expect(learned).toBeGreaterThan(20);
    expect(learned).toBeLessThanOrEqual(200);
    expect(await first.ask(50, { politeness: unlimited })).toMatchObject({ state: 'rate' });
  });

  it('gets its learned rate raised: fast up to the refused rate, slowly above it', async () => {
    const { first, redis, keys, age } = await workers(1);
    await first.ask(50, { politeness: unlimited });
    await first.ask(0, { politeness: unlimited, report: { ended: 40, ok: 40, durationMs: 400 } });
    await first.ask(0, { politeness: unlimited, report: { ended: 1, refused: 1, durationMs: 10 } });
    const read = async () => Number(await redis.hget(keys.gate(origin), 'learned'));
    const ceiling = Number(await redis.hget(keys.gate(origin), 'ceiling'));
    const rates = [await read()];
    for (let second = 0; second < 6; second++) {
      await age('learnedAt', 2_000_000);
      await age('raisedAt', 1_000_000);
      await first.ask(1, { politeness: unlimited, report: { ended: 1, ok: 1, durationMs: 10 } });
      rates.push(await read());
    }
    const steps = rates.slice(1).map((rate, i) => (rate - (rates[i] ?? 0)) / ceiling);
    expect(steps[0]).toBeCloseTo(0.05, 2);
    expect(steps.at(-1)).toBeCloseTo(0.005, 2);
    expect(rates.at(-1)).toBeLessThan(ceiling * 1.05);
  });
});

describe('a learned rate', () => {
  it('is not learned from a refusal that names a time', async () => {
    const { first, redis, keys } = await workers(1);
    await first.ask(50, { politeness: unlimited });
    await first.ask(0, { politeness: unlimited, report: { ended: 40, ok: 40, durationMs: 400 } });
    const refusal = { ended: 1, refused: 1, durationMs: 5, blockMs: 1, blockReason: '429' };
    await first.ask(0, { politeness: unlimited, report: refusal });
    expect(await redis.hget(keys.gate(origin), 'learned')).toBeNull();
  });

  it('is ten times as high after three minutes without a refusal', async () => {
    const { first, redis, keys, age } = await workers(1);
    await first.ask(50, { politeness: unlimited });
    await first.ask(0, { politeness: unlimited, report: { ended: 40, ok: 40, durationMs: 400 } });
    await first.ask(0, { politeness: unlimited, report: { ended: 1, refused: 1, durationMs: 10 } });
    const read = async () => Number(await redis.hget(keys.gate(origin), 'learned'));
    const learned = await read();
    await age('learnedAt', 2e6);
    for (let second = 0; second < 180; second++) {
      await age('learnedAt', 1e6);
      await age('raisedAt', 1e6);
      await first.ask(1, { politeness: unlimited, report: { ended: 1, ok: 1, durationMs: 10 } });
    }
    expect(await read()).toBeGreaterThan(10 * learned);
  });
});

describe('an origin that becomes slow', () => {
  const politeness = unlimited;
  it('gets fewer fetches in flight when most answers take five times as long', async () => {
    const { first } = await workers(1);
    await first.ask(100, { politeness });
    await first.ask(20, { politeness, report: answered(20, 100) });
    const { allowedInFlight } = await first.ask(20, { politeness, report: answered(20, 900) });
    expect(allowedInFlight).toBeLessThanOrEqual(80);
  });

  it('gets fewer fetches in flight when most of them time out', async () => {
    const { first } = await workers(1);
    await first.ask(100, { politeness });
    const { allowedInFlight } = await first.ask(20, { politeness, report: answered(90, 100, 55) });
    expect(allowedInFlight).toBeLessThanOrEqual(80);
  });

  it('keeps its concurrency when only hanging fetches are left', async () => {
    const { first } = await workers(1);
    await first.ask(100, { politeness });
    await first.ask(0, { politeness, report: answered(60, 100) });
    for (let at = 0; at < 3; at++) {
      await first.ask(0, { politeness, report: answered(6, 100, 6) });
    }
    await first.ask(0, { politeness, report: answered(6, 20_000) });
    const { allowedInFlight } = await first.ask(5, { politeness });
    expect(allowedInFlight).toBe(Infinity);
  });

  it.each([
    { share: 'fifty', every: 5, hanging: 1 },
    { share: 'three', every: 1, hanging: 3 },
  ])('keeps its concurrency when one fetch in $share hangs', async ({ every, hanging }) => {
    const { first } = await workers(1);
    await first.ask(100, { politeness });
    for (let at = 0; at < 10; at++) {
      const isHanging = at % every === 0;
      const report = answered(isHanging ? 10 : 9, 100, isHanging ? hanging : 0);
      const answer = await first.ask(report.ended ?? 0, { politeness, report });
      expect(answer).toMatchObject({ state: 'open', allowedInFlight: Infinity });
    }
  });
});

/** A report of ended fetches, `timeouts` of which ran into their time-out of 30 s. */
function answered(ended: number, typicalMs: number, timeouts = 0): Partial<OriginReport> {
  const ok = ended - timeouts;
  return { ended, ok, timeouts, typicalMs, durationMs: ok * typicalMs + timeouts * 30_000 };
}

function failed(count: number): Partial<OriginReport> {
  return { ended: count, failures: count, durationMs: count };
}

/** Answers 5xx, `errorUrls` of them for URLs that were not tried before. */
function withErrors(count: number, errorUrls = count): Partial<OriginReport> {
  return { ended: count, errors: count, errorUrls, durationMs: count };
}

describe('the breaker', () => {
  it('opens after ten failures in a row, then lets one probe of the fleet through', async () => {
    const { first, second, age } = await workers(2);
    await first.ask(20, { politeness: unlimited });
    expect(await first.ask(1, { politeness: unlimited, report: failed(9) })).toMatchObject({
      granted: 1,
    });
    const opened = await first.ask(5, { politeness: unlimited, report: failed(1) });
    expect(opened).toMatchObject({ granted: 0, state: 'breaker', hasChanged: true });
    expect(opened.againInMs).toBeLessThanOrEqual(2_000);

    await age('openUntil', 3_000_000);
    const probe = await second.ask(5, { politeness: unlimited });
    expect(probe).toMatchObject({ granted: 1, state: 'probing' });
    expect(await first.ask(5, { politeness: unlimited })).toMatchObject({ granted: 0 });

    const again = await second.ask(5, { politeness: unlimited, report: failed(1) });
    expect(again.state).toBe('breaker');
    expect(again.againInMs).toBeGreaterThan(3_000);

    await age('openUntil', 9_000_000);
    expect((await second.ask(5, { politeness: unlimited })).granted).toBe(1);
    const success = { ended: 1, ok: 1, durationMs: 5 };
    const closed = await second.ask(5, { politeness: unlimited, report: success });
    expect(closed).toMatchObject({ granted: 5, state: 'open', hasChanged: true });
    expect((await first.ask(5, { politeness: unlimited })).granted).toBe(5);
  });

  it('starts to count again after a success', async () => {
    const { first } = await workers(1);
    await first.ask(40, { politeness: unlimited });
    await first.ask(0, { politeness: unlimited, report: failed(9) });
    await first.ask(0, { politeness: unlimited, report: { ended: 1, ok: 1, durationMs: 1 } });
    expect(await first.ask(1, { politeness: unlimited, report: failed(9) })).toMatchObject({
      granted: 1,
    });
  });
});

describe('an origin that answers', () => {
  const politeness = unlimited;

  it('is up, however many errors a few URLs answer with', async () => {
    const { first } = await workers(1);
    for (let at = 0; at < 20; at++) {
      const report = withErrors(30, at === 0 ? 30 : 0);
      expect(await first.ask(30, { politeness, report })).toMatchObject({ granted: 30 });
    }
  });

  it('fails if it answers a hundred different URLs with errors, and nothing else', async () => {
    const { first } = await workers(1);
    await first.ask(0, { politeness, report: withErrors(99) });
    const ok = { ended: 1, ok: 1, durationMs: 1 };
    await first.ask(0, { politeness, report: ok });
    expect(await first.ask(1, { politeness, report: withErrors(99) })).toMatchObject({
      granted: 1,
      deniedForMs: 0,
    });
    expect(await first.ask(1, { politeness, report: withErrors(1) })).toMatchObject({
      granted: 0,
      state: 'breaker',
    });
  });

  it('with errors only is tried with more URLs each time, at least every 30 s', async () => {
    const { first, second, age } = await workers(2);
    await first.ask(0, { politeness, report: withErrors(100) });
    const granted: number[] = [];
    let waitMs = 0;
    for (let at = 0; at < 9; at++) {
      await age('openUntil', 31e6);
      granted.push((await first.ask(50, { politeness })).granted);
      expect(await second.ask(50, { politeness })).toMatchObject({ granted: 0 });
      waitMs = (await first.ask(1, { politeness, report: withErrors(1) })).againInMs;
      await first.ask(0, { politeness, report: { ended: (granted.at(-1) ?? 1) - 1 } });
    }
    expect(granted).toEqual([1, 2, 4, 8, 16, 32, 50, 50, 50]);
    expect(waitMs).toBeLessThanOrEqual(30_000);
  });

  it('with an error after it was down is up again, and its patience with it', async () => {
    const { first, second, age } = await workers(2);
    await first.ask(0, { politeness, report: failed(10) });
    await age('openUntil', 3e6);
    await second.ask(1, { politeness });
    const up = await second.ask(5, { politeness, report: withErrors(1) });
    expect(up).toMatchObject({ granted: 5, state: 'open', hasChanged: true, deniedForMs: 0 });
  });
});

describe('an origin that accepts nothing', () => {
  it('is denied from its first refusal on, through all blocks, until a success', async () => {
    const { first, second, age } = await workers(2);
    const refusal = { ended: 1, refused: 1, durationMs: 5, blockMs: 1, blockReason: '429' };
    expect((await first.ask(1)).deniedForMs).toBe(0);
    await first.ask(1, { report: refusal });
    await age('deniedSince', 5e6);
    await first.ask(1, { report: { ended: 1, failures: 1, durationMs: 5 } });
    expect((await second.ask(1)).deniedForMs).toBeGreaterThanOrEqual(5_000);
    await second.ask(0, { report: { ended: 1, ok: 1, durationMs: 5 } });
    expect((await first.ask(1)).deniedForMs).toBe(0);
  });
});

describe('an origin that is blocked by an answer it gave', () => {
  it('is denied from that answer on, until it accepts something after the block', async () => {
    const { first, age } = await workers(1);
    const last = { ended: 1, ok: 1, durationMs: 5, blockMs: 9_000, blockReason: 'RateLimit reset' };
    await first.ask(0, { report: last });
    await age('deniedSince', 5e6);
    expect((await first.ask(1)).deniedForMs).toBeGreaterThanOrEqual(5_000);
    await age('blockedUntil', 10e6);
    await first.ask(0, { report: { ended: 1, ok: 1, durationMs: 5 } });
    expect((await first.ask(1)).deniedForMs).toBe(0);
  });
});

describe('workers that wait for the rate', () => {
  it('ask one after the other, each when the next start is free', async () => {
    const { first, second, third } = await workers(3);
    const politeness: Politeness = { ...unlimited, rate: { count: 10, perMs: 1000 } };
    await first.ask(1, { politeness, waiting: 50 });
    const times: number[] = [];
    for (const worker of [first, second, third]) {
      const { nowMs, againInMs } = await worker.ask(1, { politeness, waiting: 50 });
      times.push(nowMs + againInMs);
    }
    const [one = 0, two = 0, three = 0] = times;
    expect(two - one).toBeGreaterThan(90);
    expect(three - two).toBeGreaterThan(90);
    expect(three - one).toBeLessThan(220);
  });

  it.each([
    { askedMs: 1_900, nextMs: 1_900, waiters: 2 },
    { askedMs: 2_100, nextMs: 900, waiters: 2 },
    { askedMs: 2_100, nextMs: 1_100, waiters: 1 },
    { askedMs: 9_000, nextMs: -500, waiters: 2 },
  ])(
    'are $waiters where one has asked $askedMs ms ago and could ask again $nextMs ms ago',
    async ({ askedMs, nextMs, waiters }) => {
      const { first, second, redis, keys } = await workers(2);
      const politeness: Politeness = { ...unlimited, rate: { count: 10, perMs: 1000 } };
      const { nowMs } = await first.ask(1, { politeness, waiting: 50 });
      const agoUs = (ms: number): string => ((nowMs - ms) * 1_000).toFixed(0);
      await redis.hset(keys.gate(origin), 'waits:w-0', `49 ${agoUs(askedMs)} ${agoUs(nextMs)}`);
      expect(await second.ask(1, { politeness, waiting: 50 })).toMatchObject({ waiters });
    },
  );
});

describe('a worker that waits at a rate-limited origin', () => {
  const politeness: Politeness = { ...unlimited, rate: { count: 10, perMs: 1000 } };
  const asker = { politeness, waiting: 50 };
  type Crew = Awaited<ReturnType<typeof workers>>;
  interface Row {
    readonly isAlone: boolean;
    readonly when: string;
    readonly before?: (crew: Crew) => Promise<unknown>;
    readonly options?: Parameters<Crew['first']['ask']>[1];
  }
  const rows: readonly Row[] = [
    { isAlone: true, when: 'nothing else is there' },
    {
      isAlone: true,
      when: 'another worker has fetches in flight, none of which waits',
      before: async ({ second }) => second.ask(1, { politeness }),
    },
    {
      isAlone: true,
      when: 'slices of its batch are deferred',
      before: async ({ second }) => second.defer(50),
    },
    {
      isAlone: false,
      when: 'another worker waits',
      before: async ({ second }) => second.ask(1, asker),
    },
    {
      isAlone: false,
      when: 'another batch has limits',
      before: async ({ second }) => second.ask(0, { politeness, batch: 'c' }),
    },
    {
      isAlone: false,
      when: 'slices of another batch are deferred',
      before: async ({ second }) => second.defer(50, 0, 'c.0'),
    },
    {
      isAlone: false,
      when: 'a rate is learned',
      before: async ({ redis, keys }) => redis.hset(keys.gate(origin), 'learned', '5'),
    },
    {
      isAlone: false,
      when: 'the origin accepts nothing',
      before: async ({ redis, keys }) => redis.hset(keys.gate(origin), 'deniedSince', '5'),
    },
    { isAlone: false, when: 'nothing waits', options: { waiting: 0 } },
    { isAlone: false, when: 'nothing is limited', options: { politeness: unlimited } },
  ];

  it.each(rows)('is alone: $isAlone, when $when', async ({ isAlone, before, options }) => {
    const crew = await workers(2);
    await before?.(crew);
    expect((await crew.first.ask(1, { ...asker, ...options })).isAlone).toBe(isAlone);
  });
});

describe('workers that wait for permits of a rate-limited origin', () => {
  it('ask again when about half of the promised fetches have started', async () => {
    const { first, second } = await workers(2);
    const rate = { count: 20, perMs: 1000 };
    const politeness: Politeness = { ...unlimited, rate, concurrency: 8 };
    // Eight starts, over 400 ms.
    const all = { politeness, waiting: 50, horizonMs: 1_000 };
    const promised = await first.ask(50, all);
    const answer = await second.ask(50, all);
    expect(promised.granted).toBe(8);
    expect(answer).toMatchObject({ granted: 0, state: 'concurrency' });
    const againAtMs = answer.nowMs + answer.againInMs - promised.nowMs;
    expect(againAtMs).toBeGreaterThan(150);
    expect(againAtMs).toBeLessThan(250);
  });
});
