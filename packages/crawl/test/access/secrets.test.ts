import { describe, expect, it } from '@jest/globals';
import {
  repeatsSecret,
  resolveText,
  SecretError,
  secretHeaders,
  secretNames,
} from '../../src/access/secrets.ts';

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

describe('a secret that an origin repeats', () => {
  it.each([
    ['ab/cd=', 'https://a.example/?t=ab/cd='],
    ['ab/cd=', 'https://a.example/?t=ab%2Fcd%3D'],
    ['ab/cd=', 'https://a.example/?t=ab%2fcd%3d'],
    ['ab/cd=', 'https://a.example/?p=100%&t=%61b%2fcd='],
    ["p'w1", new URL("https://a.example/?p'w1").href],
    ['ab%2fcd', 'https://a.example/?t=ab%252fcd'],
    ['ab%2fcd', 'x ab%2fcd'],
    ['pass phrase', 'https://a.example/?t=pass+phrase'],
    ['pässword', new URL('https://a.example/pässword').href],
    ['pässword', 'https://a.example/p%E4ssword'],
    ['pässword', Buffer.from('pässword').toString('latin1')],
    ['Bearer abcd', 'https://a.example/?t=abcd'],
    ['Token abcd', 'https://a.example/abcd/2'],
    ['basic  YWJjZA==', 'https://a.example/?t=YWJjZA%3d%3d'],
    ['Ab-Cd', new URL('http://Ab-Cd.example/').href],
    ['Ab-Cd', new URL('Ab-Cd:x').href],
    ['aB/cD', 'Text/Plain; k=Ab%2FCd'],
  ])('%s is found in %s', (secret, text) => {
    expect(repeatsSecret(text, ['other', secret])).toBe(true);
  });

  it.each([
    ['Bearer abcd', 'Bearer realm="api"'],
    ['Basic YWJjZA==', 'Basic realm="api"'],
    ['correct horse a battery', 'https://a.example/horse/battery'],
    ['api', 'https://api.example/'],
    ['Bearer api', 'https://api.example/'],
    ['', 'https://api.example/'],
    ['abcd', 'https://a.example/%ab%cd%'],
  ])('%s is not found in %s', (secret, text) => {
    expect(repeatsSecret(text, [secret])).toBe(false);
  });

  it('is none where the crawl has it in the open', () => {
    const known = 'https://acme.example';
    expect(repeatsSecret('https://www.acme.example', ['Acme'], known)).toBe(false);
    expect(repeatsSecret('https://acme-hunter2.example', ['acme', 'hunter2'], known)).toBe(true);
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
