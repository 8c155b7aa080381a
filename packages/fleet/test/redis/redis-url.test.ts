import { describe, expect, it } from '@jest/globals';
import { parseRedisUrl, redactRedisUrl, RedisUrlError } from '../../src/index.ts';

const H = { host: 'h', port: 6379 };
const S = { host: 'h', port: 26_379 };
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
    ['redis+cluster://h', { cluster: [H] }],
    ['redis+cluster://h/0', { cluster: [H] }],
    ['redis+cluster://h,[::1]:7/?db=0', { cluster: [H, { host: '::1', port: 7 }] }],
    ['valkeys+cluster://u:p@h', { cluster: [H], username: 'u', password: 'p', tls: {} }],
    ['rediss+cluster://h?family=6', { cluster: [H], family: 6, tls: {} }],
    ['redis+sentinel://h/m', { sentinels: [S], name: 'm', db: 0 }],
    ['redis+sentinel://h/m/', { sentinels: [S], name: 'm', db: 0 }],
    ['redis+sentinel://h:6379,h/my.m-1_/3', { sentinels: [H, S], name: 'my.m-1_', db: 3 }],
    ['REDIS+SENTINEL://h/m?db=4', { sentinels: [S], name: 'm', db: 4 }],
    [
      'rediss+sentinel://u:a,b@h/m',
      { sentinels: [S], name: 'm', db: 0, username: 'u', password: 'a,b', tls: {} },
    ],
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
    'redis+cluster://',
    'redis+cluster://h1,',
    'redis+cluster://h1,,h2',
    'redis+cluster://h1, h2',
    'redis+cluster://h/1',
    'redis+cluster://h?db=1',
    'redis+cluster://h/prod',
    'redis+cluster://h1:x,h2',
    'redis+cluster://:12/ret@h',
    'redis+cluster://u:12/ret@h',
    'redis+cluster://secret@h',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel://h//1',
    'redis+sentinel://h/m/prod',
    'redis+sentinel://h/m/1/2',
    'redis+sentinel://h/m/1?db=1',
    'redis+sentinel://h/a b',
    'redis+sentinel://u:12/ret@h/m',
    'redis+sentinel://u:12/m/ret@h',
    'redis+sentinel://h?name=m',
    'unix+cluster:///r.sock',
    'redis+http://h',
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
      ['redis+cluster://:p@h,[::1]:7', 'redis+cluster://***@h:6379,[::1]:7'],
      ['rediss+sentinel://u:p@a,b:1/m/2', 'rediss+sentinel://***@a:26379,b:1/m/2'],
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

  it('takes user and password of the Sentinels, which are not those of the master', () => {
    const url = 'redis+sentinel://:p@h/m';
    const address = { sentinels: [S], name: 'm', db: 0, password: 'p' };
    const login = { sentinelUsername: 'su', sentinelPassword: 'sp' };
    expect(parseRedisUrl(url, login)).toEqual({ ...address, ...login });
    expect(parseRedisUrl(url, { sentinelPassword: 'sp' })).toEqual({
      ...address,
      sentinelPassword: 'sp',
    });
    expect(parseRedisUrl(url, { sentinelUsername: '', sentinelPassword: '' })).toEqual(address);
    expect(messageOf(() => parseRedisUrl(url, { sentinelUsername: 'su' }))).toMatch(
      /^REDIS_SENTINEL_USERNAME needs REDIS_SENTINEL_PASSWORD/,
    );
    expect(parseRedisUrl('redis://h', login)).toEqual(HOST);
  });

  it('takes a map of announced addresses, and says how it is written', () => {
    const natMap = '10.0.0.1:6379=h:7001, [fd00::1]:6379=[::1]:7002';
    const map = {
      '10.0.0.1:6379': { host: 'h', port: 7001 },
      'fd00::1:6379': { host: '::1', port: 7002 },
    };
    expect(parseRedisUrl('redis+cluster://h', { natMap })).toEqual({ cluster: [H], natMap: map });
    expect(parseRedisUrl('redis+sentinel://h/m', { natMap })).toMatchObject({ natMap: map });
    for (const bad of ['h:1', 'h:1=h', 'h=h:1', 'h:1=h:2=h:3', 'h:1=h:2,', 'h:1=h:0', '/:1=h:2']) {
      expect(messageOf(() => parseRedisUrl('redis+cluster://h', { natMap: bad }))).toMatch(
        /^REDIS_NAT_MAP /,
      );
    }
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
