import { describe, expect, it } from '@jest/globals';
import type { FetchResponse } from '../../src/outcome/outcome.ts';
import { contentHash, contentHashInSteps } from '../../src/revalidate/content-hash.ts';
import { answerRulesOf, compileIdentity } from '../../src/revalidate/request-identity.ts';
import { compileRevalidation } from '../../src/revalidate/revalidation.ts';
import {
  isEtag,
  type KnownAnswer,
  parseValidators,
  readVary,
} from '../../src/revalidate/validators.ts';

const ORIGIN = 'http://api.example';
const HASH = contentHash('body');
const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT';
const AT = { batch: 'list-a', index: 3 };

const plan = {
  url: `${ORIGIN}/{id}`,
  params: ['id'],
  headers: { 'accept-language': 'de', authorization: 'Bearer ${env:TOKEN}' },
  revalidate: true,
} as const;

function revalidation(own: object = {}, secrets: readonly string[] = []) {
  const compiled = compileRevalidation({ ...plan, ...own }, () => secrets);
  if (compiled === undefined) {
    throw new Error('it does not revalidate');
  }
  return compiled;
}

function response(own: Partial<FetchResponse> = {}): FetchResponse {
  return {
    kind: 'response',
    startedAt: 0,
    durationMs: 1,
    status: 200,
    headers: {},
    body: Buffer.from('body'),
    ...own,
  };
}

function validatorsOf(headers: FetchResponse['headers'], secrets: readonly string[] = []) {
  const revalidated = {
    values: ['1'],
    response: response({ headers }),
    known: undefined,
  };
  return revalidation({}, secrets).validatorsOf(revalidated, HASH);
}

function variantOf(own: object, names: string): string {
  return compileIdentity({ ...plan, ...own }).variantOf(['1'], names);
}

const known: KnownAnswer = { hash: HASH, etag: 'W/"a"', lastModified: DATE, at: AT };

describe('conditions', () => {
  it('sends validators back as they came, a weak ETag too', () => {
    expect(revalidation().conditionsOf(known)).toEqual({
      'if-none-match': 'W/"a"',
      'if-modified-since': DATE,
    });
  });

  it.each([
    ['nothing is known', undefined, {}],
    ['only the hash is known', { hash: HASH, at: AT }, {}],
    ['a request is no GET', known, { method: 'POST', body: { json: '{}' } }],
  ] as const)('sends none where %s', (_, answer, own) => {
    expect(revalidation(own).conditionsOf(answer)).toBeUndefined();
  });

  it('does nothing where the crawl file does not say so', () => {
    const { revalidate: _, ...without } = plan;
    expect(compileRevalidation(without, () => [])).toBeUndefined();
  });
});

describe('a 304', () => {
  const status = 304;
  it.each([
    ['that was asked for', known, {}, undefined],
    ['with the same ETag, now strong', known, { headers: { etag: '"a"' } }, undefined],
    ['with another ETag', known, { headers: { etag: '"b"' } }, 'NOT_MODIFIED_OTHER'],
    ['without a condition', undefined, {}, 'NOT_MODIFIED_UNASKED'],
    [
      'behind a redirect, which carries no condition',
      known,
      { finalUrl: `${ORIGIN}/y` },
      'NOT_MODIFIED_UNASKED',
    ],
  ] as const)('%s', (_, answer, own, code) => {
    expect(revalidation().problemOf(response({ status, ...own }), answer)?.code).toBe(code);
  });

  it('leaves other statuses alone', () => {
    expect(revalidation().problemOf(response(), undefined)).toBeUndefined();
  });
});

describe('validators', () => {
  it('has what the origin says, and a hash of the request and of the body', () => {
    const { request, ...rest } = validatorsOf({ etag: '"a"', 'last-modified': DATE }) ?? {};
    expect(rest).toEqual({ hash: HASH, etag: '"a"', lastModified: DATE });
    expect(parseValidators({ request, ...rest })).toEqual({ request, ...rest });
  });

  it.each([
    ['without quotes', { etag: 'abc' }],
    ['that came twice', { etag: '"a", "b"' }],
    ['with a line break', { etag: '"a\r\nx: y"' }],
    ['that is very long', { etag: `"${'x'.repeat(300)}"` }],
    ['with a date that is none', { 'last-modified': 'yesterday' }],
    ['and Vary: *', { etag: '"a"', 'last-modified': DATE, vary: 'accept, *' }],
  ])('does not use a header %s', (_, headers) => {
    expect(validatorsOf(headers)).toEqual({ request: expect.any(String), hash: HASH });
  });

  it('has nothing of what a redirect led to but the hash', () => {
    const headers = { etag: '"a"', 'last-modified': DATE, vary: 'accept' };
    const redirected = response({ headers, finalUrl: `${ORIGIN}/y` });
    expect(
      revalidation().validatorsOf({ values: ['1'], response: redirected, known: undefined }, HASH),
    ).toEqual({ request: expect.any(String), hash: HASH });
  });

  it('does not repeat a secret that comes back as an ETag', () => {
    expect(validatorsOf({ etag: '"s3cret-token"' }, ['s3cret-token'])?.etag).toBeUndefined();
    expect(validatorsOf({ vary: 'S3cret-Token' }, ['S3cret-Token'])?.vary).toBeUndefined();
  });

  it('carries on what a 304 leaves out, and takes what it has', () => {
    const confirmed = response({ status: 304, headers: { etag: '"b"' }, body: Buffer.alloc(0) });
    const varied = { ...known, vary: 'accept-language' };
    expect(
      revalidation().validatorsOf({ values: ['1'], response: confirmed, known: varied }, HASH),
    ).toMatchObject({
      hash: HASH,
      etag: '"b"',
      lastModified: DATE,
      vary: { names: 'accept-language' },
    });
  });

  it.each([404, 304])('has none for a status of %d that confirms nothing', (status) => {
    const answer = response({ status });
    expect(
      revalidation().validatorsOf({ values: ['1'], response: answer, known: undefined }, HASH),
    ).toBeUndefined();
  });
});

describe('what is the same request', () => {
  const of = (own: object, values = ['1']) =>
    compileIdentity({ ...plan, ...own }).requestOf(values);

  it.each([
    [
      'a header that Vary may name',
      { headers: { ...plan.headers, 'accept-language': 'fr' } },
      true,
    ],
    ['who asks', { headers: { ...plan.headers, authorization: 'Bearer ${env:OTHER}' } }, false],
    ['a cookie', { headers: { ...plan.headers, cookie: 'a=b' } }, false],
    ['auth', { auth: { bearer: '${env:OTHER}' } }, false],
    ['the method', { method: 'POST' }, false],
    ['the URL', { url: `${ORIGIN}/v2/{id}` }, false],
    ['the name of a parameter', { url: `${ORIGIN}/{key}`, params: ['key'] }, true],
  ])('%s', (_, own, isSame) => {
    expect(of(own) === of({})).toBe(isSame);
  });

  it('tells bodies and headers with placeholders apart', () => {
    const body = { method: 'POST', url: ORIGIN, body: { json: '{"id":"{{id}}"}' } };
    expect(of(body, ['1'])).not.toBe(of(body, ['2']));
    const header = { url: ORIGIN, headers: { 'x-id': '{{id}}' } };
    expect(of(header, ['1'])).not.toBe(of(header, ['2']));
  });

  it('compares the values of the headers that Vary names', () => {
    const french = { headers: { 'accept-language': 'fr' } };
    expect(variantOf({}, 'accept-language')).not.toBe(variantOf(french, 'accept-language'));
    expect(variantOf({}, 'accept-encoding')).toBe(variantOf(french, 'accept-encoding'));
  });

  it('knows when the crawl file says something else of answers', () => {
    expect(answerRulesOf({})).toBe(answerRulesOf({}));
    expect(answerRulesOf({ expect: { has: '$.a' } })).not.toBe(answerRulesOf({}));
    expect(answerRulesOf({ keep: { select: '$.a' } })).not.toBe(answerRulesOf({}));
  });
});

describe('parts', () => {
  it.each([
    [undefined, ''],
    ['Accept-Encoding', 'accept-encoding'],
    ['B, a,B ,', 'a,b'],
    ['*', undefined],
    ['a b', undefined],
    ['x'.repeat(256), 'x'.repeat(256)],
    ['x'.repeat(257), undefined],
  ])('reads Vary: %s', (header, names) => {
    expect(readVary(header)).toBe(names);
  });

  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['""', true],
    ['w/"a"', false],
    ['"a"b"', false],
    ['"ä"', false],
    [`"${'x'.repeat(254)}"`, true],
    [`"${'x'.repeat(255)}"`, false],
  ])('knows whether %s is an ETag', (text, is) => {
    expect(isEtag(text)).toBe(is);
  });

  it('hashes large bodies to the same in steps', async () => {
    const body = Buffer.alloc(2 * 1024 * 1024 + 7, 'abc');
    expect(await contentHashInSteps(body)).toBe(contentHash(body));
  });
});
