import { SecretRules } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { describeLacked, resolveSecrets, valuesToHide } from '../../src/batch/secrets.ts';
import { activeBatch } from './batch-fixture.ts';

const API = 'https://api.example';
const HEADERS = { 'user-agent': 'me', accept: 'text/html', 'x-key': '${env:A} ${env:B}' };

function resolve(
  rules: string,
  env: Record<string, string> = { A: '1', B: '2' },
  headers: Record<string, string> = HEADERS,
) {
  const plan = { ...activeBatch().plan, headers };
  return resolveSecrets(plan, { env, rules: SecretRules.parse(rules) });
}

describe('the secrets of a batch in a worker', () => {
  it('are resolved if all of them are allowed', () => {
    const { request, secretHeaders, secretValues, lackingSecrets } = resolve(`A,B@${API}`);
    expect(secretValues).toEqual({ A: '1', B: '2' });
    expect(request.headersOf([])).toEqual({ ...HEADERS, 'x-key': '1 2' });
    expect(secretHeaders).toEqual(['x-key']);
    expect(lackingSecrets(API)).toEqual([]);
  });

  it.each([
    [
      'A',
      { A: '1', B: '2' },
      API,
      'this worker may not send B: to allow it, add it to --secrets (FETCHFLEET_SECRETS)',
    ],
    ['A,B', { A: '1', B: '' }, API, 'secrets are not set here: B'],
    [
      `A,B@${API}`,
      { A: '1', B: '2' },
      'https://evil.example',
      '--secrets (FETCHFLEET_SECRETS) binds B to other origins than https://evil.example',
    ],
    [
      '',
      {},
      API,
      'this worker may not send A, B: to allow it, add it to --secrets (FETCHFLEET_SECRETS)',
    ],
  ])('are lacking with --secrets %j and %j', (rules, env, origin, text) => {
    expect(describeLacked(resolve(rules, env).lackingSecrets(origin), origin)).toBe(text);
  });

  it('are not even read if they are not allowed: a value that is no header is no error', () => {
    const { request } = resolve('A', { A: '1', B: 'a\nb' });
    expect(Object.keys(request.headersOf([]))).toEqual(['user-agent']);
  });

  it('are looked for in answers, but not the user of Basic', () => {
    const auth = { basic: { user: '${env:A}', password: '${env:B}' } };
    const plan = { ...activeBatch().plan, auth };
    const env = { A: 'user', B: 'sesame' };
    const { secretValues, request } = resolveSecrets(plan, {
      env,
      rules: SecretRules.parse('A,B'),
    });
    const hidden = valuesToHide(secretValues, plan, request);
    expect(hidden).toEqual(['sesame', `Basic ${Buffer.from('user:sesame').toString('base64')}`]);
  });

  it('are none where the crawl names none', () => {
    expect(resolve('', {}, {}).lackingSecrets(API)).toEqual([]);
  });

  it.each([
    ['a parameter', '{{n}}', ['${env:A}', '{{n}}'], '${env:A}'],
    ['a parameter behind a dollar', '${{n}}', ['{env:A}'], '${env:A}'],
    ['a secret', '${env:S} ${env:A}{n}}', ['1'], '{{n}} ${env:B}{{n}}'],
  ])('are not searched for again in what %s says', (_, header, values, sent) => {
    const env = { A: '${env:B}{', B: '2', S: '{{n}}' };
    const { request } = resolve('A,B,S', env, { 'x-key': header });
    expect(request.headersOf(values)['x-key']).toBe(sent);
  });
});
