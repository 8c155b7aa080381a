import { describe, expect, it } from '@jest/globals';
import { classifyError } from '../../src/exchange/failure.ts';

const state = { origin: 'http://a.example', isInHead: false, isAnswered: false, bytes: 0 };
const coded = (code: string, more = {}) =>
  Object.assign(new Error(`it said ${code}`), { code, ...more });

describe('classifyError', () => {
  it.each([
    ['a system error', coded('EHOSTUNREACH'), 'network-error', 'EHOSTUNREACH'],
    ['a certificate', coded('CERT_HAS_EXPIRED'), 'network-error', 'CERT_HAS_EXPIRED'],
    ['a failed handshake', coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'network-error', 'EPROTO'],
    ['a closed socket', coded('ECONNRESET'), 'network-error', 'ECONNRESET'],
    ['a broken pipe', coded('EPIPE'), 'network-error', 'ECONNRESET'],
    ['a parser', coded('HPE_INVALID_CONSTANT'), 'network-error', 'RESPONSE_INVALID'],
    [
      'an error of a transport',
      coded('ERR_HTTP_SOCKET_ENCODING'),
      'network-error',
      'NETWORK_ERROR',
    ],
    ['an error without a code', new Error('odd'), 'network-error', 'NETWORK_ERROR'],
    [
      'a TCP connect timeout',
      coded('ETIMEDOUT', { syscall: 'connect' }),
      'timeout',
      'CONNECT_TIMEOUT',
    ],
    [
      'a wrapped error',
      new Error('outer', { cause: coded('ECONNREFUSED') }),
      'network-error',
      'ECONNREFUSED',
    ],
    [
      'an error for several addresses',
      new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]),
      'network-error',
      'ECONNREFUSED',
    ],
    [
      'a code over a cause without one',
      coded('EPROTO', { cause: new Error('why') }),
      'network-error',
      'EPROTO',
    ],
    [
      'a refused address',
      new Error('outer', { cause: coded('ADDRESS_REFUSED') }),
      'address-refused',
      'ADDRESS_REFUSED',
    ],
  ])('classifies %s', (_name, error, outcome, code) => {
    expect(classifyError(error, state)).toMatchObject({ outcome, code });
    expect(classifyError(error, state).message).not.toBe('');
  });
});
