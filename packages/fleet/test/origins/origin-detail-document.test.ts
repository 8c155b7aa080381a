import { describe, expect, it } from '@jest/globals';
import {
  type OriginDetail,
  originDetailDocument,
  type OriginEvent,
  type OriginStatus,
} from '../../src/index.ts';

const status: OriginStatus = {
  origin: 'https://a.example',
  rate: { limit: 'unlimited', source: 'none' },
  burst: 1,
  concurrency: { limit: 'unlimited', source: 'none' },
  inUse: 0,
  workers: 0,
  waiting: 0,
  breaker: 'closed',
};

function detailOf(events: readonly OriginEvent[]): OriginDetail {
  const robots = { state: 'unknown' } as const;
  return { events, learnedRates: undefined, batches: [], batchCount: 0, robots };
}

const TEXTS: readonly (readonly [OriginEvent['event'], string, string])[] = [
  ['blocked', 'answered 429', 'blocked: answered 429'],
  ['blocked', '', 'blocked'],
  ['opened', 'refused the connection', 'down: refused the connection'],
  ['half-open', '', 'one fetch tries it'],
  ['closed', '', 'answers again'],
  ['slowed', '4.500', 'slowed down to 4.5/s: it refused more'],
  ['slowed', 'x', 'slowed down'],
  ['narrowed', '12', 'slow: at most 12 in flight'],
  ['set', 'rate 5/s', 'limits set: rate 5/s'],
  ['unset', '', 'limits unset'],
  ['forgotten', '', 'what was learned is forgotten'],
  ['tried', 'block', 'tried now, before the end of its block'],
  [
    'tried',
    'breaker, robots.txt',
    'tried now, before the end of its wait for a probe and its wait for robots.txt',
  ],
];

describe('the document of an origin', () => {
  it.each(TEXTS)('says of %s %j: %s', (event, text, expected) => {
    const happened = { at: 1_000, lastAt: 2_000, times: 3, event, text };
    const { events } = originDetailDocument(status, detailOf([happened]));
    expect(events).toEqual([
      {
        at: '1970-01-01T00:00:01.000Z',
        lastAt: '1970-01-01T00:00:02.000Z',
        times: 3,
        event,
        text: expected,
        until: null,
        by: null,
      },
    ]);
  });

  it('has all keys, also of what is not known', () => {
    expect(originDetailDocument(status, detailOf([]))).toMatchObject({
      origin: { origin: 'https://a.example' },
      events: [],
      learnedRates: null,
      batches: [],
      batchCount: 0,
      robots: {
        state: 'unknown',
        readAt: null,
        crawlDelayMs: null,
        reason: null,
        tries: null,
        againAt: null,
      },
    });
  });
});
