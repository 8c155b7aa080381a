import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_SECRETS,
  isReservedVariable,
  ownSecrets,
  SecretRules,
  SecretRulesError,
} from '../../src/access/secret-rules.ts';

const API = 'https://api.example';
const EVIL = 'https://evil.example';

describe('--secrets', () => {
  it.each([
    ['', 'API_TOKEN', 'refused'],
    [DEFAULT_SECRETS, 'API_TOKEN', 'refused'],
    [DEFAULT_SECRETS, 'FETCHFLEET_SECRET_X', 'allowed'],
    ['API_TOKEN', 'API_TOKEN', 'allowed'],
    ['API_TOKEN', 'API_TOKEN_2', 'refused'],
    ['API_TOKEN', 'api_token', 'refused'],
    [' CRAWL_* , API_TOKEN,', 'CRAWL_A', 'allowed'],
    ['CRAWL_*', 'CRAWL_', 'allowed'],
    ['CRAWL_*', 'XCRAWL_A', 'refused'],
    ['*', 'ANYTHING', 'allowed'],
    [`API_TOKEN@${API}`, 'API_TOKEN', 'allowed'],
    [`API_TOKEN@${API}/`, 'API_TOKEN', 'allowed'],
    ['API_TOKEN@HTTPS://API.example:443', 'API_TOKEN', 'allowed'],
    ['API_TOKEN@http://api.example', 'API_TOKEN', 'elsewhere-only'],
    [`API_TOKEN@${API}:8443`, 'API_TOKEN', 'elsewhere-only'],
    [`API_TOKEN@${EVIL},API_TOKEN@${API}`, 'API_TOKEN', 'allowed'],
    [`*,API_TOKEN@${EVIL}`, 'API_TOKEN', 'elsewhere-only'],
    [`API_TOKEN,API_*@${EVIL}`, 'API_TOKEN', 'elsewhere-only'],
  ])('%j says of %s: %s', (text, name, verdict) => {
    expect(SecretRules.parse(text).verdict(name, API)).toBe(verdict);
  });

  it.each([
    'REDIS_URL',
    'REDIS_TLS_KEY',
    'FETCHFLEET_RESULTS',
    'AWS_SECRET_ACCESS_KEY',
    'NODE_OPTIONS',
    'PATH',
    'redis_url',
    'Path',
  ])('gives %s only by name', (name) => {
    expect(isReservedVariable(name)).toBe(true);
    const verdict = (text: string) => SecretRules.parse(text).verdict(name);
    expect(['*', `${name[0]}*`, `*@${API}`].map(verdict)).toEqual(Array(3).fill('refused'));
    expect(verdict(name)).toBe('allowed');
  });

  it.each([
    'API TOKEN',
    'API_TOKEN=s3cret',
    '9TOKEN',
    '*TOKEN',
    'A*B',
    '@https://api.example',
    'A@',
    'A@api.example',
    'A@ftp://api.example',
    'A@https://api.example/path',
    'A@https://user:pw@api.example',
    'A@https://*.example/?x',
    'A@https://[::1',
    'A;B',
  ])('refuses %j without quoting it', (entry) => {
    expect(() => SecretRules.parse(`OK,${entry}`)).toThrow(SecretRulesError);
    expect(() => SecretRules.parse(`OK,${entry}`)).toThrow(/entry 2 is not [^=]*$/u);
  });

  it('keeps its entries for the register of workers', () => {
    expect(SecretRules.parse(` A, B_*@${API} `).entries).toEqual(['A', `B_*@${API}`]);
  });
});

describe('the secrets of a crawl on a machine of its own', () => {
  it('are those it names, for its own origin, and never those of the machine', () => {
    const names = ['API_TOKEN', 'REDIS_URL', 'AWS_SESSION_TOKEN', 'NODE_OPTIONS', 'PATH'];
    const rules = SecretRules.parse(
      ownSecrets(
        names.map((name) => ({ name })),
        API,
      ),
    );
    expect(names.map((name) => rules.verdict(name, API))).toEqual([
      'allowed',
      ...Array(4).fill('refused'),
    ]);
    expect(rules.verdict('API_TOKEN', EVIL)).toBe('elsewhere-only');
    expect(rules.verdict('FETCHFLEET_SECRET_A', EVIL)).toBe('allowed');
  });

  it('go to every origin of a crawl that has several', () => {
    expect(SecretRules.parse(ownSecrets([{ name: 'T' }], undefined)).verdict('T', EVIL)).toBe(
      'allowed',
    );
  });
});
