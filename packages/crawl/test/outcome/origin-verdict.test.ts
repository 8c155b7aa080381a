import { describe, expect, it } from '@jest/globals';
import { originVerdictOf, type OriginVerdict } from '../../src/outcome/origin-verdict.ts';
import type { FetchFailure, FetchResult } from '../../src/outcome/outcome.ts';

const timing = { startedAt: 0, durationMs: 10 };

function response(status: number): FetchResult {
  return { kind: 'response', status, headers: {}, body: Buffer.alloc(0), ...timing };
}

function failure(code: string, more: Partial<FetchFailure> = {}): FetchResult {
  const { outcome = 'network-error', ...rest } = more;
  return { kind: 'failure', outcome, code, message: code, bytes: 0, ...rest, ...timing };
}

type Row = readonly [what: string, result: FetchResult, verdict: OriginVerdict | undefined];

const TABLE: readonly Row[] = [
  ['200', response(200), 'accepted'],
  ['304', response(304), 'accepted'],
  ['404', response(404), 'accepted'],
  ['500', response(500), 'error'],
  ['503', response(503), 'error'],
  ['an answer that is not HTTP', failure('RESPONSE_INVALID'), 'accepted'],
  ['too many headers', failure('HEADERS_TOO_LARGE'), 'accepted'],
  ['a corrupt body', failure('BODY_CORRUPT', { status: 200 }), 'accepted'],
  ['a reset in mid-body', failure('ECONNRESET', { status: 200, bytes: 9 }), 'accepted'],
  [
    'a body without an end',
    failure('FETCH_TIMEOUT', { outcome: 'timeout', status: 200 }),
    'accepted',
  ],
  [
    'a body that is too large',
    failure('BODY_TOO_LARGE', { outcome: 'too-large', status: 200 }),
    'accepted',
  ],
  ['a broken redirect', failure('REDIRECT_INVALID', { outcome: 'bad-redirect' }), 'accepted'],
  ['a redirect to a host that is down', failure('ECONNREFUSED', { status: 302 }), 'accepted'],
  ['a refused connection', failure('ECONNREFUSED'), 'down'],
  ['a reset before any byte', failure('ECONNRESET'), 'down'],
  ['no route', failure('EHOSTUNREACH'), 'down'],
  ['a handshake that fails', failure('EPROTO'), 'down'],
  ['a name server that fails', failure('EAI_AGAIN'), 'down'],
  ['a time-out without a byte', failure('FETCH_TIMEOUT', { outcome: 'timeout' }), 'down'],
  [
    'a time-out within a head',
    failure('FETCH_TIMEOUT', { outcome: 'timeout', hasAnswerBegun: true }),
    'accepted',
  ],
  ['TLS that fails within a head', failure('EPROTO', { hasAnswerBegun: true }), 'accepted'],
  ['a connection that takes too long', failure('CONNECT_TIMEOUT', { outcome: 'timeout' }), 'down'],
  ['a name that does not exist', failure('ENOTFOUND'), 'lost'],
  ['a name without addresses', failure('ENODATA'), 'lost'],
  ['an expired certificate', failure('CERT_HAS_EXPIRED'), 'lost'],
  ['a self-signed certificate', failure('DEPTH_ZERO_SELF_SIGNED_CERT'), 'lost'],
  ['an unknown issuer', failure('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'lost'],
  ['a certificate of another host', failure('ERR_TLS_CERT_ALTNAME_INVALID'), 'lost'],
  ['no file descriptor left here', failure('EMFILE'), undefined],
  ['no local port left here', failure('EADDRNOTAVAIL'), undefined],
  ['a request that cannot be sent', failure('REQUEST_INVALID'), undefined],
  [
    'an address that is not allowed',
    failure('ADDRESS_REFUSED', { outcome: 'address-refused' }),
    undefined,
  ],
];

describe('what a result says about the origin', () => {
  it.each(TABLE)('is told apart from what it says about the URL: %s', (_, result, verdict) => {
    expect(originVerdictOf(result, false)).toBe(verdict);
  });

  it('is a refusal where the answer means "not now"', () => {
    expect(originVerdictOf(response(429), true)).toBe('refused');
    expect(originVerdictOf(response(503), true)).toBe('refused');
  });
});
