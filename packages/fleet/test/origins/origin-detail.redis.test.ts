import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { EMPTY_REPORT, Origins, RobotsStore, type StoredRobots } from '../../src/index.ts';
import { parseEvent } from '../../src/origins/origin-detail.ts';
import { origin, workers } from '../gate/gate-fixture.ts';

closeAfterEach();

const NOTHING = {
  events: [],
  learnedRates: undefined,
  batches: [],
  batchCount: 0,
  robots: { state: 'unknown' },
};

async function fleet() {
  const crew = await workers(1);
  const sentences: string[] = [];
  const origins = new Origins(
    crew.redis,
    crew.keys,
    (one) => void sentences.push(one),
    'ann b@host',
  );
  const robots = new RobotsStore(crew.redis, crew.keys);
  return { ...crew, origins, robots, sentences };
}

describe('what there is to know of an origin', () => {
  it('is nothing before anybody has asked', async () => {
    const { origins } = await fleet();
    expect(await origins.detail(origin)).toEqual(NOTHING);
  });

  it('has what people have changed, also before the first fetch', async () => {
    const { redis, keys, first, origins } = await fleet();
    await origins.set(origin, { rate: { count: 30, perMs: 60_000 }, burst: 2 });
    expect(await redis.exists(keys.gate(origin))).toBe(0);
    await origins.set(origin, { concurrency: 'unlimited' });
    expect(await origins.unset(origin)).toBe(true);
    expect(await origins.unset(origin)).toBe(false);
    await origins.forget(origin);
    await first.ask(0, { report: { ended: 10, ok: 9, refused: 1, durationMs: 100 } });
    await origins.forget(origin);
    const { events } = await origins.detail(origin);
    expect(events.map(({ event, text, by }) => [event, text, by])).toEqual([
      ['forgotten', '', 'ann_b@host'],
      ['slowed', expect.stringMatching(/^\d+\.\d{3}$/), undefined],
      ['unset', '', 'ann_b@host'],
      ['set', 'any number in flight', 'ann_b@host'],
      ['set', 'rate 30/m, burst 2', 'ann_b@host'],
    ]);
  });

  it('has the batches that fetch there or have slices in the waitlist, at most 50', async () => {
    const { first, redis, keys, origins } = await fleet();
    await first.ask(1, { batch: 'fetches' });
    await first.ask(1, { batch: 'ended' });
    await redis.hset(keys.gate(origin), 'limits:ended', '0 1 4 1000');
    await first.defer(3, 0, 'waits.0');
    expect(await origins.detail(origin)).toMatchObject({
      batches: ['fetches', 'waits'],
      batchCount: 2,
    });
    for (let at = 0; at < 60; at += 1) {
      await first.defer(1, 0, `many-${at}.0`);
    }
    const { batches, batchCount } = await origins.detail(origin);
    expect([batches.length, batchCount]).toEqual([50, 62]);
  });

  it('has the rate that was learned, for each minute of the last hour', async () => {
    const { redis, keys, first, origins } = await fleet();
    await first.ask(0, { report: { ended: 10, ok: 9, refused: 1, durationMs: 100 } });
    const { learnedRates } = await origins.detail(origin);
    expect(learnedRates?.values).toHaveLength(60);
    expect(learnedRates?.values.at(-1)).toBeGreaterThan(0);
    const minutesAgo = Date.now() - 5 * 60_000;
    await redis.rpush(`${keys.gate(origin)}:rates`, `${minutesAgo} 7.500`, 'x', '1 2');
    const values = (await origins.detail(origin)).learnedRates?.values ?? [];
    expect(values.filter((value) => value !== null)).toContain(7.5);
  });

  const known: [StoredRobots | undefined, object][] = [
    [undefined, { state: 'unknown' }],
    [{ kind: 'rules', text: 'User-agent: *' }, { state: 'rules' }],
    [{ kind: 'allow-all' }, { state: 'none' }],
    [
      { kind: 'wait', tries: 2, againAt: 9_000_000_000_000, reason: 'it answered 503' },
      { state: 'unreachable', tries: 2, againAt: 9_000_000_000_000, reason: 'it answered 503' },
    ],
  ];
  it.each(known)('has the robots.txt that the fleet knows: %j', async (stored, expected) => {
    const { first, origins, robots } = await fleet();
    await first.gate.exchange(origin, {
      inFlight: 0,
      want: 0,
      waiting: 0,
      arrivals: [],
      horizonMs: 50,
      leadMs: 0,
      report: EMPTY_REPORT,
      batches: [],
      crawlDelayMs: 2_500,
    });
    if (stored !== undefined) {
      await robots.write(origin, stored);
    }
    const found = (await origins.detail(origin)).robots;
    expect(found).toMatchObject({ ...expected, crawlDelayMs: 2_500 });
    const age = Date.now() - (found.readAt ?? 0);
    expect(stored === undefined || Math.abs(age) < 10_000).toBe(true);
  });

  it('passes over what no fleet has stored', async () => {
    const { redis, keys, origins, sentences } = await fleet();
    await redis.rpush(`${keys.gate(origin)}:events`, 'x', '1 2 3', '1 1 1 0 exploded - x');
    await redis.set(`${keys.gate(origin)}:rates`, 'x');
    await redis.rpush(keys.robots(origin), 'x');
    expect(await origins.detail(origin)).toEqual(NOTHING);
    await redis.set(keys.gate(origin), 'x');
    expect(await origins.detail(origin)).toEqual(NOTHING);
    expect(sentences).toEqual([expect.stringContaining('has another type in Redis')]);
  });
});

it.each([
  [
    '1 2 3 4 blocked - why',
    { at: 1, lastAt: 2, times: 3, until: 4, event: 'blocked', text: 'why' },
  ],
  [
    '1 1 1 0 set ann@host a b',
    { at: 1, lastAt: 1, times: 1, event: 'set', by: 'ann@host', text: 'a b' },
  ],
  ['1 1 1 0 closed - ', { at: 1, lastAt: 1, times: 1, event: 'closed', text: '' }],
  ['99999999999999999999 1 1 0 closed - ', undefined],
  ['1 1 1 0 other - ', undefined],
  ['', undefined],
])('reads the entry %j', (entry, expected) => {
  expect(parseEvent(entry)).toEqual(expected);
});
