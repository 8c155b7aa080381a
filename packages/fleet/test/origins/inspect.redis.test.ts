import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { type OriginStatus, originStatus } from '../../src/origins/origin-status.ts';
import { freshFleet } from '../fixture.ts';
import { SimulatedGate } from '../gate/model-fleet.ts';

closeAfterEach();

const NOW_US = 1_800_000_000_000_000;
const LATER = NOW_US + 1_000_000;
const EARLIER = NOW_US - 1_000_000;
const ORIGIN = 'https://a.example';

/** The status of an origin of which the gate knows only that it exists. */
const NOTHING: OriginStatus = {
  origin: ORIGIN,
  rate: { limit: 'unlimited', source: 'none' },
  burst: 1,
  concurrency: { limit: 'unlimited', source: 'none' },
  inUse: 0,
  workers: 0,
  waiting: 0,
  breaker: 'closed',
};

type Case = readonly [
  behaviour: string,
  state: Record<string, string>,
  chosen: Record<string, string>,
  differsFromNothing: Partial<OriginStatus>,
];

/** "<interval> <burst> <concurrency> <expiry>" */
const fromCrawlFiles = {
  'limits:a': `200000.000 5 16 ${LATER}`,
  'limits:b': `0 1 8 ${LATER}`,
  'limits:expired': `1000000 1 1 ${EARLIER}`,
};
const crawlFile = {
  rate: { limit: '5/s', perSecond: 5, source: 'crawl file' },
  burst: 5,
  concurrency: { limit: 8, source: 'crawl file' },
} as const;

const CASES: readonly Case[] = [
  ['finds no limit where no batch has asked', { second: '1' }, {}, {}],
  [
    'says why an origin is down',
    { opens: '1', openUntil: String(LATER), lastError: 'refused the connection' },
    {},
    {
      breaker: 'open',
      openUntil: new Date(LATER / 1000).toISOString(),
      openMs: 1_000,
      lastError: 'refused the connection',
    },
  ],
  ['does not say what is over', { lastError: 'refused the connection' }, {}, {}],
  ['takes the strictest limits of the batches that still ask', fromCrawlFiles, {}, crawlFile],
  [
    'says that a crawl file leaves an origin unlimited',
    { 'limits:a': `0 7 0 ${LATER}` },
    {},
    {
      rate: { limit: 'unlimited', source: 'crawl file' },
      concurrency: { limit: 'unlimited', source: 'crawl file' },
    },
  ],
  [
    'puts limits that a person has set before crawl files, looser ones too',
    fromCrawlFiles,
    { interval: '20000', burst: '2', concurrency: '100' },
    {
      rate: { limit: '50/s', perSecond: 50, source: 'set' },
      burst: 2,
      concurrency: { limit: 100, source: 'set' },
    },
  ],
  [
    'reads a 0 that was set as unlimited',
    fromCrawlFiles,
    { interval: '0', concurrency: '0' },
    {
      rate: { limit: 'unlimited', source: 'set' },
      burst: 5,
      concurrency: { limit: 'unlimited', source: 'set' },
    },
  ],
  [
    'keeps the limits that were not set',
    fromCrawlFiles,
    { burst: '3' },
    { ...crawlFile, burst: 3 },
  ],
  ['knows an origin that only has limits set', {}, { burst: '3' }, { burst: 3 }],
  [
    'applies a crawl delay to limits that were set as well, without a burst',
    { ...fromCrawlFiles, crawlDelay: '2000000' },
    { interval: '20000', burst: '2' },
    {
      ...crawlFile,
      rate: { limit: '30/m', perSecond: 0.5, source: 'robots.txt' },
      burst: 1,
    },
  ],
  [
    'ignores a crawl delay that is shorter than the limit',
    { ...fromCrawlFiles, crawlDelay: '100000' },
    {},
    crawlFile,
  ],
  [
    'applies a learned rate and a learned concurrency',
    { ...fromCrawlFiles, learned: '2.500', window: '3.700' },
    { concurrency: '10' },
    {
      rate: { limit: '2.5/s', perSecond: 2.5, source: 'learned' },
      burst: 1,
      concurrency: { limit: 3, source: 'learned' },
      learnedRate: 2.5,
    },
  ],
  [
    'shows a learned rate that is higher than the limit',
    { ...fromCrawlFiles, learned: '47', window: '90' },
    {},
    { ...crawlFile, learnedRate: 47 },
  ],
  [
    'keeps all digits of an interval',
    { 'limits:a': `${1e6 / 3} 1 0 ${LATER}` },
    {},
    {
      rate: { limit: '3/s', perSecond: 1e6 / (1e6 / 3), source: 'crawl file' },
      concurrency: { limit: 'unlimited', source: 'crawl file' },
    },
  ],
  [
    'adds up the leases that have not expired',
    {
      'lease:w-1': `3 ${LATER}`,
      'lease:w-2': `4 ${LATER}`,
      'lease:dead': `50 ${EARLIER}`,
      'lease:just': `1 ${NOW_US}`,
    },
    {},
    { inUse: 7, workers: 2 },
  ],
  [
    'counts deferred fetches',
    { tail: '1200', head: '150', durationMs: '12.500' },
    {},
    { durationMs: 12.5 },
  ],
  [
    'names the end and the reason of a block',
    { blockedUntil: `${NOW_US + 35_000_000}.000`, blockedFor: '429' },
    {},
    { blockedUntil: '2027-01-15T08:00:35.000Z', blockedMs: 35_000, blockedFor: '429' },
  ],
  ['leaves out a block that is over', { blockedUntil: `${EARLIER}`, blockedFor: '429' }, {}, {}],
  [
    'leaves out the reason of a block that has none',
    { blockedUntil: `${NOW_US + 1_500}.000`, blockedFor: '' },
    {},
    { blockedUntil: '2027-01-15T08:00:00.001Z', blockedMs: 2 },
  ],
  [
    'shows an open breaker until its time has come',
    { opens: '2', openUntil: String(NOW_US + 4_000_000) },
    {},
    { breaker: 'open', openUntil: '2027-01-15T08:00:04.000Z', openMs: 4_000 },
  ],
  [
    'shows a half-open breaker after that',
    { opens: '2', openUntil: String(EARLIER) },
    {},
    { breaker: 'half-open' },
  ],
];

describe('INSPECT', () => {
  it.each(CASES)('%s, and changes nothing', async (_behaviour, state, chosen, expected) => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    gate.now = NOW_US;
    await gate.store(state);
    await gate.set(chosen);
    const inspected = await gate.inspect();
    if (inspected === null) {
      throw new Error('the origin is unknown');
    }
    expect(originStatus(ORIGIN, inspected)).toStrictEqual({ ...NOTHING, ...expected });
    expect((await gate.look()).hash).toEqual(state);
    await gate.clear();
  });

  it('counts the fetches that are in the waitlist, whatever tickets were given out', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    await gate.store({ tail: '5000', head: '10' });
    await gate.defer('a.0', 50);
    await gate.defer('b.0', 7);
    expect((await gate.inspect())?.waiting).toBe(57);
    await gate.leave({ slices: ['a.0'] });
    expect((await gate.inspect())?.waiting).toBe(7);
    await gate.clear();
  });

  it('says why robots.txt cannot be had, while it is asked for', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    gate.now = NOW_US;
    await gate.store({ second: '1' });
    const robots = { kind: 'wait', tries: 1, againAt: NOW_US / 1_000 - 59_000, reason: 'why' };
    await gate.setRobots(JSON.stringify(robots));
    expect((await gate.inspect())?.robotsError).toBe('why');
    gate.now += 2_000_000;
    for (const known of [robots, { kind: 'rules', text: '' }, { ...robots, againAt: 'x' }]) {
      await gate.setRobots(JSON.stringify(known));
      expect(await gate.inspect()).not.toHaveProperty('robotsError');
    }
    await gate.setRobots('{"kind":"wait"');
    expect(await gate.inspect()).not.toHaveProperty('robotsError');
    await gate.clear();
  });

  it('returns null where neither state nor limits are stored', async () => {
    const { redis } = await freshFleet();
    expect(await new SimulatedGate(redis).inspect()).toBeNull();
  });
});
