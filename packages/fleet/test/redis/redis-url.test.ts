import { describe, expect, it } from '@jest/globals';
import { parseRedisUrl, redactRedisUrl, RedisUrlError } from '../../src/index.ts';

const HOST = { host: 'h', port: 6379, db: 0 };

describe('the address of Redis', () => {
  it.each([
    ['redis://h', HOST],
    ['redis://h:1/', { ...HOST, port: 1 }],
    ['redis://h/3', { ...HOST, db: 3 }],
    ['redis://h/0', HOST],
    ['redis://h?db=4', { ...HOST, db: 4 }],
    ['redis://h/?db=4&family=6', { ...HOST, db: 4, family: 6 }],
    ['REDIS://h', HOST],
    [' redis://h\n', HOST],
    ['valkey://h', HOST],
    ['valkeys://h', { ...HOST, tls: {} }],
    ['rediss://h', { ...HOST, tls: {} }],
    ['redis://[::1]:5/2', { host: '::1', port: 5, db: 2 }],
    ['redis://:p@h', { ...HOST, password: 'p' }],
    ['redis://u:p%40%2F%3A%23%3F%25@h', { ...HOST, username: 'u', password: 'p@/:#?%' }],
    ['redis://:a@b@h', { ...HOST, password: 'a@b' }],
    ['redis://u:a:b@h', { ...HOST, username: 'u', password: 'a:b' }],
    ['redis://:@h', HOST],
    ['redis://h?username=u&password=p', { ...HOST, username: 'u', password: 'p' }],
    ['redis://u:@h?password=p', { ...HOST, username: 'u', password: 'p' }],
    ['unix:///tmp/a%20b/r.sock', { path: '/tmp/a b/r.sock', db: 0 }],
    ['unix:/tmp/r.sock', { path: '/tmp/r.sock', db: 0 }],
    ['unix:///tmp/r.sock?db=5', { path: '/tmp/r.sock', db: 5 }],
    ['unix://u:p%2F@/r.sock', { path: '/r.sock', username: 'u', password: 'p/', db: 0 }],
    ['unix:///tmp/a@b:c/r.sock', { path: '/tmp/a@b:c/r.sock', db: 0 }],
  ])('%j is read as it was meant', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it.each([
    '',
    'localhost:6379',
    '/run/redis.sock',
    'redis//x',
    'redis:h',
    'redis:',
    'redis://',
    'redis://:6379',
    'http://h',
    'redis+socket:///r.sock',
    'sentinel://h/master',
    '"redis://h"',
    'redis://h/prod',
    'redis://h/-1',
    'redis://h/1.5',
    'redis://h/1/2',
    'redis://h/0x3',
    'redis://h/3?db=3',
    'redis://h?db=x',
    'redis://h?db=1&db=2',
    'redis://h?sentinelMasterId=m',
    'redis://h?DB=2',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:x',
    'redis://h1,h2',
    'redis://h 1',
    'redis://[h]',
    'redis://[::1',
    'redis://h#1',
    'redis://secret@h',
    'redis://secret:@h',
    'redis://h?username=secret',
    'redis://:sec%ret@h',
    'redis://:sec/ret@h',
    'redis://:12/ret@h',
    'redis://u:12/ret@h',
    'redis://u:12/3?ret@h',
    'redis://u:12?ret@h',
    'redis://:sec?ret=@h',
    'redis://:sec#ret@h',
    'redis://:secret@h?password=secret',
    'redis:///run/redis.sock',
    'unix://',
    'unix://run/redis.sock',
    'unix:////run/redis.sock',
    'unix://:sec/ret@/r.sock',
    'unix:///r.sock?password=sec%ret',
  ])('%j is refused, and the message has nothing of it but the scheme', (url) => {
    const told = messageOf(() => parseRedisUrl(url));
    expect(told).toMatch(/^REDIS_URL/);
    expect(`${told} ${redactRedisUrl(url)}`).not.toMatch(/sec|ret@|ret=|u:12|:12/);
  });

  it('is named in messages without user and password', () => {
    const shown = [
      ['redis://u:p@h:1/2', 'redis://***@h:1/2'],
      ['redis://h:1', 'redis://h:1'],
      ['redis://h?password=p', 'redis://***@h:6379'],
      ['valkeys://[::1]', 'rediss://[::1]:6379'],
      ['unix://:p@/r.sock?db=5', 'unix://***@/r.sock?db=5'],
      ['redis://:a/b@h', 'redis://***'],
      ['pass@word', '***'],
    ];
    for (const [url = '', text] of shown) {
      expect(redactRedisUrl(url)).toBe(text);
    }
  });

  it('takes files for TLS, and says which cannot be read', () => {
    const file = new URL(import.meta.url).pathname;
    const { tls } = parseRedisUrl('rediss://h', { ca: file, cert: file, key: file });
    expect(tls).toEqual({ ca: tls?.ca, cert: tls?.ca, key: tls?.ca });
    expect(tls?.ca).toContain('takes files for TLS');
    expect(messageOf(() => parseRedisUrl('rediss://h', { ca: '/no/ca' }))).toBe(
      'REDIS_TLS_CA: cannot read "/no/ca"',
    );
    expect(messageOf(() => parseRedisUrl('rediss://h', { cert: file }))).toMatch(/together/);
    expect(parseRedisUrl('redis://h', { ca: '/no/ca' })).toEqual(HOST);
  });
});

function messageOf(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof RedisUrlError) {
      return error.message;
    }
    throw error;
  }
  throw new Error('was not refused');
}
