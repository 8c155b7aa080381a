import { describe, expect, it } from '@jest/globals';
import { type OriginStatus, originStatusFromFields } from '../../src/gate/origin-status.ts';

const NOW_US = 1_800_000_000_000_000;
const LATER = NOW_US + 1_000_000;
const EARLIER = NOW_US - 1_000_000;

type Case = readonly [
  what: string,
  gate: Record<string, string>,
  settings: Record<string, string>,
  expected: Partial<OriginStatus>,
];

/** "<interval> <burst> <concurrency> <expiry>" */
const fromCrawlFiles = {
  'limits:a': `200000.000 5 16 ${LATER}`,
  'limits:b': `0 1 8 ${LATER}`,
  'limits:gone': `1000000 1 1 ${EARLIER}`,
};

const CASES: readonly Case[] = [
  [
    'knows of no limit where nobody has said one',
    {},
    {},
    {
      rate: { limit: 'unlimited', source: 'none' },
      burst: 1,
      concurrency: { limit: 'unlimited', source: 'none' },
      inUse: 0,
      workers: 0,
      waiting: 0,
      breaker: 'closed',
    },
  ],
  [
    'has the strictest limits of the batches that still ask',
    fromCrawlFiles,
    {},
    {
      rate: { limit: '5/s', perSecond: 5, source: 'crawl file' },
      burst: 5,
      concurrency: { limit: 8, source: 'crawl file' },
    },
  ],
  [
    'says that a crawl file leaves an origin unlimited',
    { 'limits:a': `0 7 0 ${LATER}` },
    {},
    {
      rate: { limit: 'unlimited', source: 'crawl file' },
      burst: 1,
      concurrency: { limit: 'unlimited', source: 'crawl file' },
    },
  ],
  [
    'puts what was set before crawl files, also where it is looser',
    fromCrawlFiles,
    { interval: '20000', burst: '2', concurrency: '100' },
    {
      rate: { limit: '50/s', perSecond: 50, source: 'set' },
      burst: 2,
      concurrency: { limit: 100, source: 'set' },
    },
  ],
  [
    'takes a 0 that was set for unlimited',
    fromCrawlFiles,
    { interval: '0', concurrency: '0' },
    {
      rate: { limit: 'unlimited', source: 'set' },
      burst: 5,
      concurrency: { limit: 'unlimited', source: 'set' },
    },
  ],
  [
    'leaves alone what was not set',
    fromCrawlFiles,
    { burst: '3' },
    { rate: { limit: '5/s', perSecond: 5, source: 'crawl file' }, burst: 3 },
  ],
  [
    'puts a crawl delay on top, even of what was set, and then knows no burst',
    { ...fromCrawlFiles, crawlDelay: '2000000' },
    { interval: '20000', burst: '2' },
    { rate: { limit: '30/m', perSecond: 0.5, source: 'robots.txt' }, burst: 1 },
  ],
  [
    'ignores a crawl delay that is shorter than the limit',
    { ...fromCrawlFiles, crawlDelay: '100000' },
    {},
    { rate: { limit: '5/s', perSecond: 5, source: 'crawl file' }, burst: 5 },
  ],
  [
    'puts what was learned on top: rate and fetches in flight',
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
    'remembers a learned rate that does not bind',
    { ...fromCrawlFiles, learned: '47', window: '90' },
    {},
    {
      rate: { limit: '5/s', perSecond: 5, source: 'crawl file' },
      concurrency: { limit: 8, source: 'crawl file' },
      learnedRate: 47,
    },
  ],
  [
    'adds up the leases that have not expired',
    { 'lease:w-1': `3 ${LATER}`, 'lease:w-2': `4 ${LATER}`, 'lease:dead': `50 ${EARLIER}` },
    {},
    { inUse: 7, workers: 2 },
  ],
  [
    'counts who waits',
    { tail: '1200', head: '150', durationMs: '12.500' },
    {},
    { waiting: 1050, durationMs: 12.5 },
  ],
  ['never counts fewer than none', { tail: '100', head: '150' }, {}, { waiting: 0 }],
  [
    'says until when it is blocked, and why',
    { blockedUntil: `${NOW_US + 35_000_000}.000`, blockedFor: '429' },
    {},
    { blockedUntil: '2027-01-15T08:00:35.000Z', blockedMs: 35_000, blockedFor: '429' },
  ],
  [
    'has an open breaker until its time has come',
    { opens: '2', openUntil: String(NOW_US + 4_000_000) },
    {},
    { breaker: 'open', openUntil: '2027-01-15T08:00:04.000Z', openMs: 4_000 },
  ],
  [
    'has a half-open one after that',
    { opens: '2', openUntil: String(EARLIER) },
    {},
    { breaker: 'half-open' },
  ],
];

describe('the status of an origin', () => {
  it.each(CASES)('%s', (_what, gate, settings, expected) => {
    const status = originStatusFromFields('https://a.example', gate, settings, NOW_US);
    expect(status).toMatchObject({ origin: 'https://a.example', ...expected });
    expect(status.rate).toEqual(expected.rate ?? status.rate);
  });

  it('forgets a block and a lease that are over', () => {
    const gate = { blockedUntil: String(EARLIER), blockedFor: '429', 'lease:w': `1 ${NOW_US}` };
    const status = originStatusFromFields('https://a.example', gate, {}, NOW_US);
    expect(status).not.toHaveProperty('blockedUntil');
    expect(status).not.toHaveProperty('blockedFor');
    expect(status).toMatchObject({ inUse: 0, workers: 0 });
  });

  it.each([
    [1, '1000000/s'],
    [200_000 / 3, '15/s'],
    [1e6 / 47.32, '47.3/s'],
    [1e6, '1/s'],
    [1e6 / 0.9, '54/m'],
    [60e6, '1/m'],
    [61e6, '59/h'],
    [3_600e6, '1/h'],
    [2 * 3_600e6, '0.5/h'],
  ])('writes one start every %d µs as %s', (interval, text) => {
    const settings = { interval: String(interval) };
    expect(originStatusFromFields('https://a.example', {}, settings, NOW_US).rate.limit).toBe(text);
  });
});
