import { describe, expect, it } from '@jest/globals';
import { ignoredProxies } from '../../src/start/ignored-proxies.ts';

describe('ignoredProxies', () => {
  it.each([
    ['nothing', {}, []],
    ['empty values', { HTTP_PROXY: '', https_proxy: '' }, []],
    ['exceptions only', { NO_PROXY: 'localhost' }, []],
    ['one in capitals', { HTTP_PROXY: 'http://user:secret@proxy:3128' }, ['HTTP_PROXY']],
    ['one in small letters', { https_proxy: 'proxy' }, ['https_proxy']],
    ['both', { all_proxy: 'proxy', HTTPS_PROXY: 'proxy' }, ['HTTPS_PROXY', 'all_proxy']],
  ])('names variables, never their values: %s', (_what, env, names) => {
    expect(ignoredProxies(env)).toEqual(names);
  });
});
