import { describe, expect, it } from '@jest/globals';
import type { FetchResult } from '../../src/outcome/outcome.ts';
import { type RequestedDelay, requestedDelayOf } from '../../src/outcome/requested-delay.ts';

const now = Date.UTC(2026, 10, 23, 12, 0, 0);
const EPOCH_S = now / 1000;
const HOUR_MS = 3_600_000;
const timing = { startedAt: now - 10, durationMs: 10 };

type Headers = Readonly<Record<string, string>>;

function response(status: number, headers: Headers): FetchResult {
  return { kind: 'response', status, headers, body: Buffer.alloc(0), ...timing };
}

const NEITHER = { isRefusal: false, isNotReady: false, isClamped: false };

/** A delay that blocks the origin, asked for by `Retry-After`. */
function block(
  blockMs: number,
  blockReason: RequestedDelay['blockReason'],
  flags: Partial<RequestedDelay> = {},
): RequestedDelay {
  const isRefusal = /^(?:403|429|503)/.test(blockReason ?? '');
  const retryAfterMs = blockMs;
  return { ...NEITHER, blockReason, blockMs, retryAfterMs, isRefusal, ...flags };
}

function reset(blockMs: number, flags: Partial<RequestedDelay> = {}): RequestedDelay {
  return block(blockMs, 'RateLimit reset', { retryAfterMs: 0, ...flags });
}

/** A delay for the fetch alone. */
function retryAfter(retryAfterMs: number): RequestedDelay {
  return { ...NEITHER, retryAfterMs, blockMs: 0, blockReason: undefined };
}

/** A delay for an answer that is not there yet. */
function notReady(retryAfterMs: number): RequestedDelay {
  return { ...retryAfter(retryAfterMs), isNotReady: true };
}

type Row = readonly [string, number, Headers, RequestedDelay | undefined];

const RETRY_AFTER: readonly Row[] = [
  ['429', 429, {}, block(0, '429')],
  ['429, seconds', 429, { 'retry-after': '7' }, block(7000, '429 Retry-After')],
  ['429, zero', 429, { 'retry-after': '0' }, block(0, '429')],
  [
    '429, a date',
    429,
    { 'retry-after': 'Mon, 23 Nov 2026 12:00:30 GMT' },
    block(30_000, '429 Retry-After'),
  ],
  [
    '429, a date in the past',
    429,
    { 'retry-after': 'Mon, 23 Nov 2026 11:00:00 GMT' },
    block(0, '429'),
  ],
  ['429, negative', 429, { 'retry-after': '-5' }, block(0, '429')],
  ['429, garbage', 429, { 'retry-after': 'soon' }, block(0, '429')],
  ['429, NaN', 429, { 'retry-after': 'NaN' }, block(0, '429')],
  ['429, empty', 429, { 'retry-after': '' }, block(0, '429')],
  [
    '429, a year',
    429,
    { 'retry-after': '31536000' },
    block(HOUR_MS, '429 Retry-After', { isClamped: true }),
  ],
  [
    '429, more than any number',
    429,
    { 'retry-after': '9'.repeat(400) },
    block(HOUR_MS, '429 Retry-After', { isClamped: true }),
  ],
  ['429, exactly the maximum', 429, { 'retry-after': '3600' }, block(HOUR_MS, '429 Retry-After')],
  ['503', 503, {}, undefined],
  ['503, seconds', 503, { 'retry-after': '7' }, block(7000, '503 Retry-After')],
  ['503, zero', 503, { 'retry-after': '0' }, block(0, '503')],
  ['403', 403, {}, undefined],
  ['403, seconds', 403, { 'retry-after': '7' }, block(7000, '403 Retry-After')],
  ['403, zero', 403, { 'retry-after': '0' }, block(0, '403')],
  ['403, garbage', 403, { 'retry-after': 'soon' }, undefined],
  ['202', 202, {}, undefined],
  ['202, seconds', 202, { 'retry-after': '7' }, notReady(7000)],
  ['202, a date', 202, { 'retry-after': 'Mon, 23 Nov 2026 12:00:30 GMT' }, notReady(30_000)],
  ['202, zero', 202, { 'retry-after': '0' }, notReady(0)],
  ['202, garbage', 202, { 'retry-after': 'soon' }, undefined],
  ['204, seconds', 204, { 'retry-after': '7' }, undefined],
  ['503, garbage', 503, { 'retry-after': 'soon' }, undefined],
  ['300, seconds', 300, { 'retry-after': '7' }, block(7000, '3xx Retry-After')],
  ['301 without location, zero', 301, { 'retry-after': '0' }, undefined],
  ['200, seconds', 200, { 'retry-after': '7' }, undefined],
  ['404, seconds', 404, { 'retry-after': '7' }, retryAfter(7000)],
  ['500, seconds', 500, { 'retry-after': '7' }, retryAfter(7000)],
  ['500, zero', 500, { 'retry-after': '0' }, undefined],
  ['500, a year', 500, { 'retry-after': '31536000' }, retryAfter(HOUR_MS)],
  ['500, garbage', 500, { 'retry-after': 'soon' }, undefined],
  ['500', 500, {}, undefined],
];

const EXHAUSTED = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0' };

const RATE_LIMIT: readonly Row[] = [
  ['nothing', 200, {}, undefined],
  [
    'three fields (drafts up to 05)',
    200,
    { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-remaining': '0', 'ratelimit-reset': '30' },
    reset(30_000),
  ],
  [
    'three fields, some left',
    200,
    { 'ratelimit-limit': '100', 'ratelimit-remaining': '1', 'ratelimit-reset': '30' },
    undefined,
  ],
  ['remaining without reset', 200, { 'ratelimit-remaining': '0' }, undefined],
  ['reset without remaining', 200, { 'ratelimit-reset': '30' }, undefined],
  ['one field (draft 07)', 200, { ratelimit: 'limit=100, remaining=0, reset=30' }, reset(30_000)],
  ['draft 07, some left', 200, { ratelimit: 'limit=100, remaining=50, reset=30' }, undefined],
  ['a policy (draft 08 and later)', 200, { ratelimit: '"default";r=0;t=30' }, reset(30_000)],
  ['a token for a policy', 200, { ratelimit: 'default; r=0; t=30' }, reset(30_000)],
  ['a policy, some left', 200, { ratelimit: '"default";r=50;t=30' }, undefined],
  ['a policy without a time', 200, { ratelimit: '"default";r=0' }, undefined],
  [
    'several policies: the longest exhausted one',
    200,
    { ratelimit: '"burst";r=0;t=2, "minute";r=0;t=40;pk=:YQ==:, "daily";r=9;t=7000' },
    reset(40_000),
  ],
  [
    'a policy whose name looks like a policy',
    200,
    { ratelimit: '"a\\",b;r=0;t=9, remaining=0, reset=9";r=1;t=30' },
    undefined,
  ],
  ['garbage', 200, { ratelimit: '=;;,"' }, undefined],
  ['X-, seconds from now', 200, { ...EXHAUSTED, 'x-ratelimit-reset': '12' }, reset(12_000)],
  ['Reddit', 200, { 'x-ratelimit-remaining': '0.0', 'x-ratelimit-reset': '300' }, reset(300_000)],
  [
    'GitHub',
    403,
    { ...EXHAUSTED, 'x-ratelimit-reset': `${EPOCH_S + 90}` },
    reset(90_000, { isRefusal: true }),
  ],
  ['403 with nothing left and no time', 403, EXHAUSTED, block(0, '403')],
  ['403 with some left', 403, { 'x-ratelimit-remaining': '1' }, undefined],
  [
    '403 with nothing left, structured',
    403,
    { ratelimit: '"a,r=0";r=4;t=9, "b";r=0;t=30' },
    reset(30_000, { isRefusal: true }),
  ],
  ['403 with nothing left (draft 07)', 403, { ratelimit: 'remaining=0' }, block(0, '403')],
  ['404 with nothing left and no time', 404, EXHAUSTED, undefined],
  [
    '202 with nothing left',
    202,
    { ...EXHAUSTED, 'x-ratelimit-reset': '5', 'retry-after': '9' },
    reset(5000, { retryAfterMs: 9000, isNotReady: true }),
  ],
  [
    'Discord',
    200,
    { ...EXHAUSTED, 'x-ratelimit-reset': `${EPOCH_S + 1}.2504`, 'x-ratelimit-bucket': 'x' },
    reset(1251),
  ],
  [
    'Twitter',
    429,
    { 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': `${EPOCH_S + 900}` },
    reset(900_000, { isRefusal: true }),
  ],
  [
    'GitLab',
    200,
    { 'ratelimit-remaining': '0', 'ratelimit-reset': `${EPOCH_S + 60}` },
    reset(60_000),
  ],
  ['epoch milliseconds', 200, { ...EXHAUSTED, 'x-ratelimit-reset': `${now + 500}` }, reset(500)],
  ['an epoch in the past', 200, { ...EXHAUSTED, 'x-ratelimit-reset': `${EPOCH_S - 9}` }, undefined],
  ['a negative reset', 200, { ...EXHAUSTED, 'x-ratelimit-reset': '-1' }, undefined],
  ['a reset of garbage', 200, { ...EXHAUSTED, 'x-ratelimit-reset': 'NaN' }, undefined],
  [
    'a negative remaining',
    200,
    { 'x-ratelimit-remaining': '-1', 'x-ratelimit-reset': '30' },
    undefined,
  ],
  [
    'a year',
    200,
    { ...EXHAUSTED, 'x-ratelimit-reset': '31536000' },
    reset(HOUR_MS, { isClamped: true }),
  ],
  [
    'epoch microseconds',
    200,
    { ...EXHAUSTED, 'x-ratelimit-reset': `${now}000` },
    reset(HOUR_MS, { isClamped: true }),
  ],
  [
    '429 with a longer reset',
    429,
    { ...EXHAUSTED, 'x-ratelimit-reset': '30', 'retry-after': '5' },
    reset(30_000, { isRefusal: true, retryAfterMs: 5000 }),
  ],
  [
    '500 with a reset and a Retry-After',
    500,
    { ...EXHAUSTED, 'x-ratelimit-reset': '5', 'retry-after': '30' },
    reset(5000, { retryAfterMs: 30_000 }),
  ],
  [
    '429 with a longer Retry-After',
    429,
    { ...EXHAUSTED, 'x-ratelimit-reset': '5', 'retry-after': '30' },
    block(30_000, '429 Retry-After'),
  ],
  [
    '429 with a reset and no remaining',
    429,
    { 'x-ratelimit-reset': '5' },
    reset(5000, { isRefusal: true }),
  ],
  [
    '429 for another reason, with some left (GitHub)',
    429,
    { 'x-ratelimit-remaining': '4000', 'x-ratelimit-reset': `${EPOCH_S + 90}`, 'retry-after': '9' },
    block(9000, '429 Retry-After'),
  ],
  [
    '503 with a reset',
    503,
    { ...EXHAUSTED, 'x-ratelimit-reset': '5' },
    reset(5000, { isRefusal: true }),
  ],
];

const CLOCKS: readonly Row[] = [
  [
    'the date of an origin that is an hour ahead',
    503,
    { date: 'Mon, 23 Nov 2026 13:00:00 GMT', 'retry-after': 'Mon, 23 Nov 2026 13:00:20 GMT' },
    block(20_000, '503 Retry-After'),
  ],
  [
    'a reset of an origin that is an hour behind',
    200,
    {
      ...EXHAUSTED,
      date: 'Mon, 23 Nov 2026 11:00:00 GMT',
      'x-ratelimit-reset': `${EPOCH_S - 3600 + 20}`,
    },
    reset(20_000),
  ],
  [
    'an origin with a malformed date',
    200,
    { ...EXHAUSTED, date: 'today', 'x-ratelimit-reset': `${EPOCH_S + 20}` },
    reset(20_000),
  ],
  [
    'a reset from a cache',
    200,
    { ...EXHAUSTED, age: '20', 'x-ratelimit-reset': '30' },
    reset(10_000),
  ],
  [
    'a reset that passed while the answer was in a cache',
    200,
    {
      ...EXHAUSTED,
      age: '7200',
      date: 'Mon, 23 Nov 2026 10:00:00 GMT',
      'x-ratelimit-reset': `${EPOCH_S - 7000}`,
    },
    undefined,
  ],
  ['a malformed age', 200, { ...EXHAUSTED, age: '-5', 'x-ratelimit-reset': '30' }, reset(30_000)],
];

function delayOf(status: number, headers: Headers): RequestedDelay | undefined {
  return requestedDelayOf(response(status, headers), now, HOUR_MS);
}

describe('requestedDelayOf', () => {
  it.each(RETRY_AFTER)('reads Retry-After: %s', (_, status, headers, expected) => {
    expect(delayOf(status, headers)).toEqual(expected);
  });

  it.each(RATE_LIMIT)('reads rate limits: %s', (_, status, headers, expected) => {
    expect(delayOf(status, headers)).toEqual(expected);
  });

  it.each(CLOCKS)('does not depend on a correct clock: %s', (_, status, headers, expected) => {
    expect(delayOf(status, headers)).toEqual(expected);
  });

  it('clamps to the maximum that it is given', () => {
    const result = response(429, { 'retry-after': '31536000' });
    expect(requestedDelayOf(result, now, 5000)).toEqual({
      blockReason: '429 Retry-After',
      blockMs: 5000,
      retryAfterMs: 5000,
      isRefusal: true,
      isNotReady: false,
      isClamped: true,
    });
  });

  it('finds no delay in a failure', () => {
    const failure = { outcome: 'timeout', code: 'X', message: 'x', bytes: 0, status: 429 } as const;
    expect(requestedDelayOf({ kind: 'failure', ...failure, ...timing }, now, 5000)).toBeUndefined();
  });
});
