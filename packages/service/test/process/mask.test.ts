import { describe, expect, it } from '@jest/globals';
import { maskCredentials, maskLine } from '../../src/process/mask.ts';

describe('maskCredentials', () => {
  it.each([
    ['redis://:secret@host:6379/0', 'redis://***@host:6379/0'],
    ['rediss://default:secret@host', 'rediss://***@host'],
    ['https://ghp_token:x-oauth-basic@host/a', 'https://***@host/a'],
    ['from redis://a:b@one to redis://c:d@two', 'from redis://***@one to redis://***@two'],
    ['https://host:8080/users/@me', 'https://host:8080/users/@me'],
    ['https://host/?mail=a@b.example', 'https://host/?mail=a@b.example'],
    ['no URL, but an @', 'no URL, but an @'],
  ])('turns %s into %s', (text, expected) => {
    expect(maskCredentials(text)).toBe(expected);
  });
});

describe('maskLine', () => {
  it('masks fields with the name of a secret, at any depth and in any case, and keeps JSON valid', () => {
    const line = JSON.stringify({
      Authorization: 'Bearer abc',
      err: { options: { headers: { authorization: 'Basic "quoted" \\', cookie: 'a=b' } } },
      response: { 'set-cookie': ['a="]"', 'b=2'], status: 200 },
      password: 12_345,
      apiKey: 'k',
      count: 7,
    });
    expect(JSON.parse(maskLine(line))).toEqual({
      Authorization: '***',
      err: { options: { headers: { authorization: '***', cookie: '***' } } },
      response: { 'set-cookie': '***', status: 200 },
      password: '***',
      apiKey: '***',
      count: 7,
    });
  });

  it('masks a bearer token in the middle of a message', () => {
    expect(maskLine('{"msg":"sent Bearer abcdefghijklmnopqrst to x"}')).toBe(
      '{"msg":"sent Bearer *** to x"}',
    );
  });

  it('stays fast on a long line without a secret', () => {
    const line = JSON.stringify({
      msg: '//'.repeat(100_000) + '"authorization":"\\'.repeat(10_000),
    });
    const started = performance.now();
    maskLine(line);
    // A pattern that backtracks would take minutes.
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});
