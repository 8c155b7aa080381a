import { describe, expect, it } from '@jest/globals';
import { tellingError } from '../../src/connect/telling-error.ts';

function errors(...codes: string[]): Error[] {
  return codes.map((code) => Object.assign(new Error(code), { code }));
}

describe('the error of a host with several addresses', () => {
  it.each([
    ['EHOSTUNREACH', 'ECONNREFUSED', 'ECONNREFUSED'],
    ['ENETUNREACH', 'ECONNREFUSED', 'ECONNREFUSED'],
    ['ENETUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH'],
    ['ETIMEDOUT', 'ECONNRESET', 'ECONNRESET'],
    ['EADDRNOTAVAIL', 'ETIMEDOUT', 'ETIMEDOUT'],
    ['ECONNREFUSED', 'ECONNRESET', 'ECONNREFUSED'],
    ['EHOSTUNREACH', 'EHOSTDOWN', 'EHOSTUNREACH'],
  ])('of %s and %s is %s', (first, second, telling) => {
    expect(tellingError(errors(first, second))?.message).toBe(telling);
  });

  it('of one that no error names is none', () => {
    expect(tellingError([])).toBeUndefined();
  });
});
