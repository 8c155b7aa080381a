import { describe, expect, it } from '@jest/globals';
import { originErrorOf } from '../../src/outcome/origin-error.ts';
import type { FetchFailure, FetchResponse } from '../../src/outcome/outcome.ts';
import { requestedDelayOf } from '../../src/outcome/requested-delay.ts';

function failure(parts: Partial<FetchFailure>): FetchFailure {
  return {
    kind: 'failure',
    outcome: 'network-error',
    code: 'X',
    message: 'x',
    bytes: 0,
    startedAt: 0,
    durationMs: 0,
    ...parts,
  };
}

function response(status: number, headers: Record<string, string> = {}): FetchResponse {
  return { kind: 'response', status, headers, body: Buffer.of(), startedAt: 0, durationMs: 0 };
}

describe('what an origin did wrong', () => {
  it.each([
    ['refused the connection', failure({ code: 'ECONNREFUSED' })],
    ['closed the connection', failure({ code: 'ECONNRESET' })],
    ['did not answer in time', failure({ code: 'FETCH_TIMEOUT', outcome: 'timeout' })],
    ['answered 503', response(503)],
    ['answered 429', response(429)],
    ['answered 429, Retry-After 30 s', response(429, { 'retry-after': '30' })],
    [
      'answered 200, RateLimit reset in 9 s',
      response(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' }),
    ],
    ['failed: odd (EPROTO)', failure({ code: 'EPROTO', message: 'odd' })],
  ])('is "%s"', (text, result) => {
    expect(originErrorOf(result, requestedDelayOf(result, 0, 60_000))).toBe(text);
  });

  it('has no query strings, no control characters, and at most 200 characters', () => {
    const message = `at http://a.example/x?key=secret&b=2 \u001B[31m\r\n${'long '.repeat(100)}`;
    const text = originErrorOf(failure({ code: 'EPROTO', message }));
    expect(text).toMatch(/^failed: at http:\/\/a\.example\/x {2}\[31m long/);
    expect(text).not.toMatch(/secret|\p{Cc}/u);
    expect(text.length).toBeLessThanOrEqual(200);
  });
});
