import { parseProxy } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { proxiesFor } from '../../src/connect/proxy.ts';
import { proxyOf, readRoutes, routesOfEnvironment } from '../../src/connect/proxy-settings.ts';
import { shownProxy } from '../../src/index.ts';
import { ProxyHealth } from '../../src/transport/proxy-health.ts';

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

describe('a proxy', () => {
  it.each([
    ['http://ann:a%40b@proxy.example', {}, basic('ann:a@b')],
    ['http://${env:BOTH}@proxy.example', { BOTH: 'ann:se:same' }, basic('ann:se:same')],
    ['http://${env:NAME}@proxy.example', { NAME: 'a%40b' }, basic('a%40b:')],
    [
      'http://${env:NAME}:${env:PASS}@proxy.example',
      { NAME: 'ann', PASS: 'ł${env:NAME}' },
      basic('ann:ł${env:NAME}'),
    ],
    ['http://%24%7Benv:NAME%7D@proxy.example', { NAME: 'ann' }, basic('${env:NAME}')],
    ['http://proxy.example', {}, undefined],
  ])('of %s with %j', (text, env, authorization) => {
    const read = parseProxy(text);
    const proxy = 'origin' in read ? proxyOf(read, { isTrusted: true, env }) : undefined;
    expect(proxy?.authorization).toBe(authorization);
    expect(proxy && shownProxy(proxy)).toBe('proxy.example:80');
  });

  it.each([
    ['', 'http://a.example/', true],
    ['*', 'http://a.example/', false],
    ['a.example', 'http://a.example/', false],
    ['.example', 'http://a.example/', false],
    ['*.example', 'http://a.example/', false],
    ['a.example', 'http://b.a.example/', false],
    ['a.example', 'http://ba.example/', true],
    ['A.example:8080', 'http://a.example:8080/', false],
    ['a.example:8080', 'http://a.example/', true],
    ['a.example:443', 'https://a.example/', false],
    ['10.0.0.0/8', 'http://10.1.2.3/', false],
    ['10.0.0.0/8', 'http://11.1.2.3/', true],
    ['10.0.0.0/99', 'http://10.1.2.3/', true],
    ['10.0.0.0/8', 'http://a.example/', true],
    ['::1', 'http://[::1]:80/', false],
    ['[::1]:81', 'http://[::1]:81/', false],
    ['fe80::/10', 'http://[fe80::1]/', false],
    ['1.2.3.4', 'http://51.2.3.4/', true],
    ['x b.example,,a.example', 'http://a.example/', false],
  ])('with NO_PROXY=%s is used for %s: %s', (entries, url, isUsed) => {
    const env = {
      HTTPS_PROXY: 'proxy.example',
      http_proxy: 'http://proxy.example',
      NO_PROXY: entries,
    };
    expect(proxiesFor(new URL(url), routesOfEnvironment(env))).toHaveLength(isUsed ? 1 : 0);
  });

  it('of the environment is refused without its value if it cannot be read', () => {
    const value = 'socks5://ann:sesame@x';
    expect(() => routesOfEnvironment({ all_proxy: value })).toThrow(
      'all_proxy: a proxy is written http://HOST:PORT or https://HOST:PORT; socks5:// is not known',
    );
    expect(() => readRoutes(value, {})).toThrow('socks5:// is not known');
    expect(() => readRoutes('http://ann:sesame@x/y', {})).toThrow(/PORT$/);
    expect(() => readRoutes('env', { NO_PROXY: '*' })).toThrow(/^none of HTTPS_PROXY/);
    expect(() => routesOfEnvironment({})).toThrow(/^none of HTTPS_PROXY/);
    const secret = 'http://${env:U}:${env:P}@proxy.example';
    expect(() => readRoutes(secret, {})).toThrow(/^\$\{env:NAME\} is for crawl files/);
    expect(() => routesOfEnvironment({ HTTP_PROXY: secret })).toThrow(/^HTTP_PROXY: /);
    expect(readRoutes('', { HTTP_PROXY: value })).toBeUndefined();
  });

  it('that fails is used last, for longer each time, and like the others when it works', () => {
    let now = 0;
    const down: string[] = [];
    const health = new ProxyHealth(
      (proxy) => down.push(proxy),
      () => now,
    );
    const [a, b] = ['a', 'b'].map((host) => ({ origin: `http://${host}`, isTrusted: true }));
    if (a === undefined || b === undefined) {
      throw new Error('unreachable');
    }
    const first = (): string => health.workingFirst([a, b])[0]?.origin.slice(-1) ?? '';
    expect(first()).toBe('a');
    health.failed(a, 'x');
    expect(first()).toBe('b');
    now = 5_000;
    expect(first()).toBe('a');
    health.failed(a, 'x');
    now = 14_999;
    expect(first()).toBe('b');
    health.failed(b, 'y');
    expect(first()).toBe('a'); // It is the one that may work again first.
    health.worked(a);
    expect(first()).toBe('a');
    expect(down).toEqual(['a:80', 'b:80']);
  });
});
