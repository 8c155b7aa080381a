import { describe, expect, it } from '@jest/globals';
import {
  resolveHeaders,
  SecretError,
  secretHeaders,
  secretNames,
} from '../../src/model/secrets.ts';

const headers = {
  accept: 'text/html',
  authorization: 'Bearer ${env:TOKEN}',
  'x-both': '${env:USER_1}:${env:TOKEN}',
};

describe('secretNames', () => {
  it('returns every variable once', () => {
    expect(secretNames(headers)).toEqual(['TOKEN', 'USER_1']);
    expect(secretHeaders(headers)).toEqual(['authorization', 'x-both']);
    expect(secretHeaders({ accept: 'x' })).toEqual([]);
  });
});

describe('resolveHeaders', () => {
  it('inserts the values unchanged', () => {
    expect(resolveHeaders(headers, { TOKEN: '$&${env:USER_1}', USER_1: 'é' })).toEqual({
      headers: {
        accept: 'text/html',
        authorization: 'Bearer $&${env:USER_1}',
        'x-both': 'é:$&${env:USER_1}',
      },
    });
  });

  it('returns all variables that are unset or empty', () => {
    expect(resolveHeaders(headers, { TOKEN: '' })).toEqual({ missing: ['TOKEN', 'USER_1'] });
  });

  it.each(['a\r\nx: y', 'a\nb', 'a\0', '€'])(
    'names the variable of %j, never its value',
    (value) => {
      const resolve = () => resolveHeaders(headers, { TOKEN: value, USER_1: 'x' });
      expect(resolve).toThrow(SecretError);
      expect(resolve).toThrow(/^the value of TOKEN contains/);
    },
  );
});
