import { describe, expect, it } from '@jest/globals';
import { resolveText, SecretError, secretHeaders, secretNames } from '../../src/access/secrets.ts';

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

describe('resolveText', () => {
  it.each([
    ['text/html', 'text/html'],
    ['Bearer ${env:TOKEN}', 'Bearer $&${env:USER_1}'],
    ['${env:USER_1}:${env:TOKEN}', 'é:$&${env:USER_1}'],
    ['x${env:NONE}y', 'xy'],
  ])('inserts values unchanged: %j', (text, resolved) => {
    expect(resolveText(text, { TOKEN: '$&${env:USER_1}', USER_1: 'é' })).toBe(resolved);
  });

  it.each(['a\r\nx: y', 'a\nb', 'a\0', '€'])(
    'names the variable of %j, never its value',
    (value) => {
      const resolve = () =>
        resolveText('${env:USER_1} ${env:TOKEN}', { TOKEN: value, USER_1: 'x' });
      expect(resolve).toThrow(SecretError);
      expect(resolve).toThrow(/^the value of TOKEN contains/);
    },
  );
});
