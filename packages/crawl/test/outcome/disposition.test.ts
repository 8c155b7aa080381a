import { describe, expect, it } from '@jest/globals';
import {
  dispositionOf,
  type Disposition,
  type DispositionContext,
} from '../../src/outcome/disposition.ts';
import type { FetchFailure, FetchResult } from '../../src/outcome/outcome.ts';
import { requestedDelayOf } from '../../src/outcome/requested-delay.ts';

const now = Date.UTC(2026, 10, 23);
const timing = { startedAt: now - 10, durationMs: 10 };
const context: Omit<DispositionContext, 'delay'> = {
  attempts: 0,
  throttledSince: 0,
  deniedForMs: 3_600_000,
  now,
  plan: {
    retry: { attempts: 3, backoffMs: 1000 },
    politeness: {
      rate: 'unlimited',
      burst: 1,
      concurrency: 16,
      robots: 'obey',
      patienceMs: 600_000,
    },
  },
  random: () => 0.5,
};

function response(
  status: number,
  retryAfter?: string,
  others: Readonly<Record<string, string>> = {},
): FetchResult {
  const headers = { ...others, ...(retryAfter !== undefined && { 'retry-after': retryAfter }) };
  return { kind: 'response', status, headers, body: Buffer.alloc(0), ...timing };
}

function failure(outcome: FetchFailure['outcome']): FetchResult {
  return { kind: 'failure', outcome, code: 'X', message: 'x', bytes: 0, ...timing };
}

const ok: Disposition = { do: 'settle', outcome: 'ok' };
const httpError: Disposition = { do: 'settle', outcome: 'http-error' };

type Row = readonly [string, FetchResult, Partial<DispositionContext>, Disposition];

const TABLE: readonly Row[] = [
  ['200', response(200), {}, ok],
  ['204', response(204), {}, ok],
  ['304', response(304), {}, ok],
  ['300 with Retry-After', response(300, '5'), {}, ok],
  ['400', response(400), {}, httpError],
  ['404', response(404), {}, httpError],
  ['410 with Retry-After', response(410, '5'), {}, httpError],
  ['408', response(408), {}, { do: 'retry', delayMs: 500 }],
  ['425', response(425), {}, { do: 'retry', delayMs: 500 }],
  ['500', response(500), {}, { do: 'retry', delayMs: 500 }],
  ['500, second attempt', response(500), { attempts: 1 }, { do: 'retry', delayMs: 1000 }],
  ['500, last attempt', response(500), { attempts: 2 }, httpError],
  ['500, too many attempts', response(500), { attempts: 9 }, httpError],
  ['500 with a long Retry-After', response(500, '7'), {}, { do: 'retry', delayMs: 7000 }],
  ['500 with a short Retry-After', response(500, '0'), {}, { do: 'retry', delayMs: 500 }],
  ['503 without Retry-After', response(503), {}, { do: 'retry', delayMs: 500 }],
  ['503 with garbage', response(503, 'soon'), {}, { do: 'retry', delayMs: 500 }],
  ['503 with Retry-After', response(503, '9'), {}, { do: 'throttle', delayMs: 9000 }],
  ['429', response(429), {}, { do: 'throttle', delayMs: 750 }],
  ['429, last attempt', response(429), { attempts: 2 }, { do: 'throttle', delayMs: 750 }],
  ['429 with Retry-After', response(429, '9'), {}, { do: 'throttle', delayMs: 9000 }],
  ['429 with Retry-After: 0', response(429, '0'), {}, { do: 'throttle', delayMs: 750 }],
  ['429 with a year', response(429, '31536000'), {}, { do: 'throttle', delayMs: 3_600_000 }],
  ['500 with a year', response(500, '31536000'), {}, { do: 'retry', delayMs: 3_600_000 }],
  [
    '429 with a rate limit that resets later',
    response(429, '9', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '20' }),
    {},
    { do: 'throttle', delayMs: 20_000 },
  ],
  [
    '403 with an exhausted rate limit',
    response(403, undefined, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '20' }),
    {},
    { do: 'throttle', delayMs: 20_000 },
  ],
  ['403', response(403), {}, httpError],
  ['403 with Retry-After', response(403, '9'), {}, { do: 'throttle', delayMs: 9000 }],
  ['403 for longer than the patience', response(403, '9'), { throttledSince: 1 }, httpError],
  ['202', response(202), {}, ok],
  ['202 with Retry-After', response(202, '9'), {}, { do: 'throttle', delayMs: 9000 }],
  ['202 with Retry-After: 0', response(202, '0'), {}, { do: 'throttle', delayMs: 750 }],
  ['202 for longer than the patience', response(202, '9'), { throttledSince: 1 }, ok],
  ['429 for 8 s', response(429), { throttledSince: now - 8000 }, { do: 'throttle', delayMs: 6000 }],
  [
    '429 for 5 min',
    response(429),
    { throttledSince: now - 300_000 },
    { do: 'throttle', delayMs: 45_000 },
  ],
  [
    '429 for exactly the patience',
    response(429),
    { throttledSince: now - 600_000 },
    { do: 'throttle', delayMs: 45_000 },
  ],
  [
    '429 for longer than the patience',
    response(429, '9'),
    { throttledSince: now - 600_001 },
    httpError,
  ],
  [
    '429 for longer than the patience, of an origin that accepts others',
    response(429, '9'),
    { throttledSince: now - 600_001, deniedForMs: 600_000 },
    { do: 'throttle', delayMs: 9000 },
  ],
  [
    '429 since a time in the future',
    response(429),
    { throttledSince: now + 5000 },
    { do: 'throttle', delayMs: 750 },
  ],
  ['network-error', failure('network-error'), {}, { do: 'retry', delayMs: 500 }],
  [
    'network-error, last attempt',
    failure('network-error'),
    { attempts: 2 },
    { do: 'settle', outcome: 'network-error' },
  ],
  ['timeout', failure('timeout'), {}, { do: 'retry', delayMs: 500 }],
  [
    'timeout, last attempt',
    failure('timeout'),
    { attempts: 2 },
    { do: 'settle', outcome: 'timeout' },
  ],
  ['too-large', failure('too-large'), {}, { do: 'settle', outcome: 'too-large' }],
  ['bad-redirect', failure('bad-redirect'), {}, { do: 'settle', outcome: 'bad-redirect' }],
  ['robots-denied', failure('robots-denied'), {}, { do: 'settle', outcome: 'robots-denied' }],
  ['address-refused', failure('address-refused'), {}, { do: 'settle', outcome: 'address-refused' }],
];

const problem = { code: 'EXPECTED_PATH_MISSING', message: '$.data is missing' };
const listed = { verdict: { isListed: true, problem: undefined } };
const unlisted = { verdict: { isListed: false, problem: undefined } };
const wrong = { verdict: { isListed: true, problem } };
const unexpected: Disposition = { do: 'settle', outcome: 'unexpected' };
const refused = response(503, '9');

const EXPECTED: readonly Row[] = [
  ['200 that is listed', response(200), listed, ok],
  ['200 as expected', response(200), unlisted, ok],
  ['200 that is not as expected', response(200), wrong, { do: 'retry', delayMs: 500 }],
  [
    '200 that is not as expected, last attempt',
    response(200),
    { ...wrong, attempts: 2 },
    unexpected,
  ],
  ['404 that is listed', response(404), listed, ok],
  ['500 that is listed', response(500), listed, ok],
  ['404 that is not listed', response(404), unlisted, httpError],
  ['500 that is not listed', response(500), unlisted, { do: 'retry', delayMs: 500 }],
  ['429 that is listed', response(429, '9'), listed, ok],
  ['503 with Retry-After that is listed', refused, listed, ok],
  ['503 with Retry-After that is not listed', refused, unlisted, { do: 'throttle', delayMs: 9000 }],
  ['202 with Retry-After, listed', response(202, '9'), listed, { do: 'throttle', delayMs: 9000 }],
  ['202 that is not as expected', response(202, '9'), wrong, { do: 'throttle', delayMs: 9000 }],
  [
    '202 that is not as expected for longer than the patience',
    response(202, '9'),
    { ...wrong, throttledSince: 1 },
    unexpected,
  ],
];

/** With statuses of its own to try again, and a bound for the delay. */
function retrying(changes: Partial<DispositionContext['plan']['retry']>) {
  return { plan: { ...context.plan, retry: { ...context.plan.retry, ...changes } } };
}

const on = retrying({
  on: [
    [404, 404],
    [500, 502],
  ],
});

const RETRIED: readonly Row[] = [
  ['404 in retry.on', response(404), on, { do: 'retry', delayMs: 500 }],
  ['502 in retry.on', response(502), on, { do: 'retry', delayMs: 500 }],
  ['503 that is not in retry.on', response(503), on, httpError],
  ['408 that is not in retry.on', response(408), on, httpError],
  ['429 that is not in retry.on', response(429, '9'), on, { do: 'throttle', delayMs: 9000 }],
  ['a timeout, whatever is in retry.on', failure('timeout'), on, { do: 'retry', delayMs: 500 }],
  ['500 if nothing is tried again', response(500), retrying({ on: [] }), httpError],
  [
    'a delay that maxBackoff bounds',
    response(500),
    { ...retrying({ attempts: 30, maxBackoffMs: 4_000 }), attempts: 20 },
    { do: 'retry', delayMs: 2_000 },
  ],
  [
    'a delay that maxBackoff lets grow',
    response(500),
    { ...retrying({ attempts: 30, maxBackoffMs: 3_600_000 }), attempts: 20 },
    { do: 'retry', delayMs: 1_800_000 },
  ],
];

describe('dispositionOf', () => {
  it.each([...TABLE, ...EXPECTED, ...RETRIED])(
    'decides about %s',
    (_, result, changes, disposition) => {
      const delay = requestedDelayOf(result, now, 3_600_000);
      expect(dispositionOf(result, { ...context, delay, ...changes })).toEqual(disposition);
    },
  );
});
