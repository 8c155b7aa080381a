import { ignoredProxies } from '@fetchfleet/fetcher';
import { SettingsError } from '@fetchfleet/service';
import { describe, expect, it } from '@jest/globals';
import { readWorkerProxy } from '../../src/start/proxies.ts';

describe('ignoredProxies', () => {
  it.each([
    ['nothing', {}, []],
    ['empty values', { HTTP_PROXY: '', https_proxy: '' }, []],
    ['exceptions only', { NO_PROXY: 'localhost' }, []],
    ['one in capitals', { HTTP_PROXY: 'http://user:secret@proxy:3128' }, ['HTTP_PROXY']],
    ['one in small letters', { https_proxy: 'proxy' }, ['https_proxy']],
    ['both', { all_proxy: 'proxy', HTTPS_PROXY: 'proxy' }, ['HTTPS_PROXY', 'all_proxy']],
  ])('names variables, never their values: %s', (_what, env, names) => {
    const none = { proxy: '', allowProxy: { entries: [] } };
    expect(ignoredProxies(env, none)).toEqual(names);
    expect(ignoredProxies(env, { ...none, proxy: 'env' })).toEqual([]);
    expect(ignoredProxies(env, { ...none, allowProxy: { entries: ['env'] } })).toEqual([]);
  });
});

describe('readWorkerProxy', () => {
  it.each([
    ['', {}, undefined],
    ['http://ann:sesame@proxy.example:3128', {}, 'proxy.example:3128'],
    [
      'env',
      { https_proxy: 'ann:sesame@a.example:8080', HTTP_PROXY: 'http://b.example' },
      'a.example:8080, b.example:80',
    ],
  ])('shows what %j means without credentials', (setting, env, shown) => {
    expect(readWorkerProxy(setting, env)?.shown).toBe(shown);
  });

  it.each([
    ['env', {}, 'none of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY is set'],
    ['env', { HTTP_PROXY: 'socks5://ann:sesame@x' }, /HTTP_PROXY: .* socks5:\/\/ is not known$/],
    ['ann:sesame@proxy', {}, /a proxy is written http:\/\/HOST:PORT or https:\/\/HOST:PORT$/],
  ])('refuses %j with %j, and quotes no value', (setting, env, problem) => {
    expect(() => readWorkerProxy(setting, env)).toThrow(SettingsError);
    expect(() => readWorkerProxy(setting, env)).toThrow(problem);
  });
});
