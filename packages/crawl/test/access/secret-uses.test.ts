import { describe, expect, it } from '@jest/globals';
import { ownSecrets, ProxyRules, SecretRules, secretUses } from '../../src/index.ts';

const NETWORK = { allowPrivate: false, allow: [] };

describe('the secrets of a crawl', () => {
  it('belong to where their values go', () => {
    const client = {
      tokenUrl: 'https://login.example/token',
      clientId: '${env:ID}',
      clientSecret: '${env:SECRET}',
    };
    const uses = secretUses({
      headers: { 'x-key': '${env:KEY} ${env:KEY}' },
      auth: { oauth2: client },
      network: { ...NETWORK, proxy: ['http://${env:KEY}:${env:PASS}@proxy.example'] },
    });
    expect(uses).toEqual([
      { name: 'KEY' },
      { name: 'ID', origin: 'https://login.example' },
      { name: 'SECRET', origin: 'https://login.example' },
      { name: 'KEY', origin: 'http://proxy.example' },
      { name: 'PASS', origin: 'http://proxy.example' },
    ]);
    const rules = SecretRules.parse(ownSecrets(uses, 'https://api.example'));
    expect(rules.verdict('SECRET', 'https://login.example')).toBe('allowed');
    expect(rules.verdict('SECRET', 'https://api.example')).toBe('elsewhere-only');
    expect(rules.verdict('KEY', 'https://api.example')).toBe('allowed');
    expect(rules.verdict('KEY', 'http://proxy.example')).toBe('allowed');
    const anywhere = SecretRules.parse(ownSecrets(uses, undefined));
    expect(anywhere.verdict('KEY', 'https://any.example')).toBe('allowed');
  });

  it('of basic and bearer go to the URLs of the crawl', () => {
    const basic = { user: '${env:USER_NAME}', password: '${env:PASS}' };
    expect(secretUses({ headers: {}, auth: { basic } })).toEqual([
      { name: 'USER_NAME' },
      { name: 'PASS' },
    ]);
    expect(secretUses({ headers: {}, auth: { bearer: '${env:T}' } })).toEqual([{ name: 'T' }]);
  });
});

describe('the proxies that crawls may name', () => {
  it.each([
    ['', 'proxy.example:80', 'refused'],
    ['proxy.example', 'proxy.example:3128', 'named'],
    ['Proxy.Example:3128', 'proxy.example:3128', 'named'],
    ['proxy.example:3128', 'proxy.example:80', 'refused'],
    ['other.example, *', 'proxy.example:80', 'any'],
    ['10.0.0.1', '10.0.0.1:80', 'named'],
    ['[::1]:80', '[::1]:80', 'named'],
    ['[::1]', '[::1]:3128', 'named'],
    ['Bücher.example', 'xn--bcher-kva.example:3128', 'named'],
    ['bücher.example:0080', 'xn--bcher-kva.example:80', 'named'],
    ['env', 'proxy.example:80', 'refused'],
  ])('with --allow-proxy %j: %s is %s', (text, host, verdict) => {
    expect(ProxyRules.parse(text).verdict(host)).toBe(verdict);
  });

  it('may be those of the environment', () => {
    expect(
      ['env', '*', 'proxy.example'].map((text) => ProxyRules.parse(text).allowsEnvironment),
    ).toEqual([true, true, false]);
  });

  it.each(['http://proxy.example', 'a b', '*.example', 'u:p@proxy.example', 'proxy/x', 'proxy/'])(
    'are not written %j, which is not quoted',
    (text) => {
      expect(() => ProxyRules.parse(`a.example,${text}`)).toThrow(
        expect.objectContaining({ message: expect.stringMatching(/entry 2 is none of them$/) }),
      );
    },
  );
});
