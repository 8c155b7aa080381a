import { describe, expect, it } from '@jest/globals';
import { isOrigin, originOf, redactUrl } from '../../src/model/url.ts';

describe('originOf', () => {
  it.each([
    ['http://a:80/x', 'http://a'],
    ['https://A:443/x?y', 'https://a'],
    ['https://a:80/', 'https://a:80'],
    ['http://[::1]:8080/', 'http://[::1]:8080'],
  ])('returns for %s the origin %s', (url, origin) => {
    expect(originOf(url)).toBe(origin);
  });
});

describe('redactUrl', () => {
  it.each([
    ['http://user:pw@a/x', 'http://a/x'],
    ['http://user:p@w@a/x', 'http://a/x'],
    ['redis://:pw@a:6379', 'redis://a:6379'],
    ['http://a/x@y', 'http://a/x@y'],
    ['http://a?x@y', 'http://a?x@y'],
    ['not a url', 'not a url'],
  ])('turns %s into %s', (url, redacted) => {
    expect(redactUrl(url)).toBe(redacted);
  });
});

describe('isOrigin', () => {
  it.each(['http://a.example', 'https://a.example:8443', 'http://[::1]:8080', 'http://127.0.0.1'])(
    'takes %s',
    (text) => expect(isOrigin(text)).toBe(true),
  );

  it.each([
    '',
    'a.example',
    'http://a.example/',
    'http://A.example',
    'https://a:443',
    'ftp://a',
    'javascript:x',
    'null',
    'http://a\nb',
    'http://u@a',
  ])('refuses %j', (text) => expect(isOrigin(text)).toBe(false));
});
