import { type Network, ProxyRules } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { resolveNetwork } from '../../src/index.ts';

const POLICY = { allowPrivate: false, allow: [] };

function resolve(network: Partial<Network>, allowProxy = '', allowInsecureTls = false) {
  const env = { HTTPS_PROXY: 'http://env.example' };
  const access = { allowProxy: ProxyRules.parse(allowProxy), allowInsecureTls, env };
  return resolveNetwork({ ...POLICY, ...network }, access, { S: 'sesame' });
}

const ONE = 'http://ann:${env:S}@one.example:3128';
const TWO = 'https://two.example';

describe('the network of a crawl', () => {
  it('is as it was if the crawl names no proxy', () => {
    expect(resolve({})).toEqual({ network: POLICY, lackingPermissions: [] });
  });

  it.each([
    ['one.example,two.example:443', [true, true]],
    ['*', [false, false]],
    ['one.example:3128,*', [true, false]],
  ])('has its proxies with --allow-proxy %s', (allowed, trusted) => {
    const { network, lackingPermissions } = resolve({ proxy: [ONE, TWO] }, allowed);
    const authorization = `Basic ${Buffer.from('ann:sesame').toString('base64')}`;
    expect(lackingPermissions).toEqual([]);
    expect(network.routes?.http).toEqual([
      { origin: 'http://one.example:3128', authorization, isTrusted: trusted[0] },
      { origin: 'https://two.example', isTrusted: trusted[1] },
    ]);
  });

  it('says what the worker lacks, and never a credential', () => {
    const tls = { insecure: true } as const;
    const { lackingPermissions } = resolve({ proxy: [ONE, TWO], tls }, 'two.example');
    expect(lackingPermissions.map(({ flag }) => flag)).toEqual([
      '--allow-proxy one.example:3128',
      '--allow-insecure-tls',
    ]);
    expect(lackingPermissions.map(({ text }) => text)).toEqual([
      'this worker may not use the proxy one.example:3128: to allow it, add it to --allow-proxy ' +
        '(FETCHFLEET_ALLOW_PROXY)',
      expect.stringContaining('--allow-insecure-tls (FETCHFLEET_ALLOW_INSECURE_TLS=true)'),
    ]);
    expect(resolve({ tls }, '', true).lackingPermissions).toEqual([]);
  });

  it('may be that of the environment, where the worker says so', () => {
    expect(resolve({ proxy: 'env' }, 'env').network.routes).toMatchObject({
      http: [],
      https: [{ origin: 'http://env.example' }],
    });
    expect(resolve({ proxy: 'env' }, 'one.example').lackingPermissions).toHaveLength(1);
  });
});
