import type { FetchFailure, FetchResponse } from '@fetchfleet/crawl';
import type { FetchRequest } from '@fetchfleet/fetcher';
import { describe, expect, it } from '@jest/globals';
import { clientOf } from '../../src/batch/token-client.ts';
import { readAnswer, requestToken, type TokenTools } from '../../src/batch/token-request.ts';
import type { RobotsAnswer } from '../../src/batch/robots.ts';
import type { Admission, StartGrant } from '../../src/origin/waiting-slice.ts';
import { activeBatch } from './batch-fixture.ts';

const OAUTH2 = {
  tokenUrl: 'https://login.example/token',
  clientId: 'a b',
  clientSecret: '${env:S}',
  scope: 'read',
};
const CLIENT = clientOf(OAUTH2, { S: 'se:same' });
/** The longest wait that is obeyed. */
const MAX_MS = 60_000;

function response(status: number, body: unknown, headers = {}): FetchResponse {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { kind: 'response', status, headers, body: bytes, startedAt: 0, durationMs: 0 };
}

function failure(outcome: FetchFailure['outcome'], code: string): FetchFailure {
  return { kind: 'failure', outcome, code, message: code, bytes: 0, startedAt: 0, durationMs: 0 };
}

describe('the answer of a token server', () => {
  it.each([
    [{ access_token: 't', expires_in: 60, token_type: 'bearer' }, 60_000],
    [{ access_token: 't', expires_in: '60' }, 60_000],
    [{ access_token: 't' }, 3_600_000],
    [{ access_token: 't', expires_in: -1 }, 3_600_000],
    [{ access_token: 't', expires_in: 1e300 }, 2_592_000_000],
  ])('gives a token: %j', (body, expiresInMs) => {
    expect(readAnswer(response(200, body), CLIENT, MAX_MS)).toEqual({
      kind: 'token',
      token: 't',
      expiresInMs,
    });
  });

  it.each([
    ['utf8', 'application/json', '\ufeff'],
    ['utf16le', 'application/json; charset=utf-16', '\ufeff'],
    ['utf16le', 'application/json; charset=utf-16le', ''],
  ] as const)('is read in %s, as %s, behind %j', (encoding, type, mark) => {
    const body = Buffer.from(`${mark}{"access_token":"t","expires_in":60}`, encoding);
    const answer = { ...response(200, '', { 'content-type': type }), body };
    expect(readAnswer(answer, CLIENT, MAX_MS)).toMatchObject({ kind: 'token', token: 't' });
  });

  it.each([
    [response(401, { error: 'invalid_client' }), 'it answered 401 (invalid_client)'],
    [response(400, { error: 'se:same' }), 'it answered 400'],
    [response(400, { error: 'x\ny' }), 'it answered 400'],
    // That is how the secret was sent.
    [response(401, { error: btoa('a+b:se%3Asame') }), 'it answered 401'],
    [response(400, { error: 'another_word' }), 'it answered 400'],
    [response(400, { error: ['invalid_client'] }), 'it answered 400'],
    [response(404, '<html>'), 'it answered 404'],
    [response(200, '[]'), 'its answer holds no token'],
    [response(200, { access_token: 'a b' }), 'its answer holds no token'],
    [response(200, { error: 'invalid_scope' }), 'its answer holds no token (invalid_scope)'],
    [response(200, { access_token: 't', token_type: 'mac' }), 'its token is no bearer token'],
    [failure('bad-redirect', 'TOO_MANY_REDIRECTS'), 'TOO_MANY_REDIRECTS'],
    [failure('network-error', 'ENOTFOUND'), 'ENOTFOUND'],
  ])('refuses', (result, why) => {
    const message = `https://login.example gives no token: ${why}`;
    expect(readAnswer(result, CLIENT, MAX_MS)).toMatchObject({
      kind: 'refused',
      result: { outcome: 'network-error', code: 'AUTH_FAILED', message },
    });
  });

  it.each([
    [response(503, '', { 'retry-after': '30' }), 'it answered 503', 30_000],
    [response(429, '', {}), 'it answered 429', 0],
    [response(429, '', { 'retry-after': '9'.repeat(400) }), 'it answered 429', MAX_MS],
    [failure('network-error', 'ECONNREFUSED'), 'ECONNREFUSED', 0],
    [failure('timeout', 'FETCH_TIMEOUT'), 'FETCH_TIMEOUT', 0],
  ])('may come later', (result, why, dueInMs) => {
    const reason = `https://login.example gives no token: ${why}`;
    expect(readAnswer(result, CLIENT, MAX_MS)).toEqual({ kind: 'down', dueInMs, reason });
  });
});

const RULES: RobotsAnswer = { kind: 'rules', isAllowed: () => true };

/** Asks for a token; `admit` and `robots` say what comes before it. */
async function ask(
  client = CLIENT,
  {
    robots = RULES,
    admission,
  }: { readonly robots?: RobotsAnswer; readonly admission?: Admission } = {},
) {
  const sent: FetchRequest[] = [];
  const asked: string[] = [];
  const grant: StartGrant = {
    holders: new Set(),
    onEnded: () => undefined,
    sendWithinMs: () => Infinity,
    deniedForMs: () => 0,
  };
  const tools: TokenTools = {
    robots: { ask: async () => robots },
    schedulers: {
      of: (origin) => ({
        admit: async (slice) => {
          asked.push(`${origin} ${slice.comesFirst}`);
          if (admission === undefined) {
            slice.start(grant);
          }
          return admission ?? { kind: 'started' };
        },
      }),
      wake: () => undefined,
    },
    fetcher: {
      start: (request, listener) => {
        sent.push(request);
        queueMicrotask(() => listener.onResult(response(200, { access_token: 't' })));
        return { abort: (reason) => listener.onAborted(reason) };
      },
    },
    stop: new AbortController().signal,
    maxRetryAfterMs: MAX_MS,
    onRequested: (result) => asked.push(result),
  };
  const result = await requestToken(tools, activeBatch(), client);
  return { result, sent, asked };
}

describe('the request for a token', () => {
  it('names the client in a header, and has its turn at the token origin', async () => {
    const { result, sent, asked } = await ask();
    expect(result).toMatchObject({ kind: 'token', token: 't' });
    expect(asked).toEqual(['https://login.example true', 'granted']);
    const [request] = sent;
    expect(request).toMatchObject({
      url: 'https://login.example/token',
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('a+b:se%3Asame').toString('base64')}` },
      limits: { redirects: 0 },
    });
    expect(request?.body?.toString()).toBe('grant_type=client_credentials&scope=read');
    const { authorization } = request?.headers ?? {};
    expect(request?.secrets?.()).toEqual(['se:same', authorization]);
  });

  it('or in the form', async () => {
    const { sent } = await ask(clientOf({ ...OAUTH2, style: 'form', audience: 'x' }, { S: 's' }));
    expect(sent[0]?.headers).not.toHaveProperty('authorization');
    expect(sent[0]?.body?.toString()).toBe(
      'grant_type=client_credentials&scope=read&audience=x&client_id=a+b&client_secret=s',
    );
  });

  it.each([
    [{ robots: { kind: 'wait', dueInMs: 7 } }, { kind: 'wait', dueInMs: 7 }],
    [
      { robots: { kind: 'rules', isAllowed: () => false } },
      { kind: 'refused', result: { message: expect.stringContaining('robots.txt forbids') } },
    ],
    [
      { robots: { kind: 'lost', result: failure('network-error', 'ENOTFOUND') } },
      { kind: 'refused' },
    ],
    [
      { admission: { kind: 'deferred', dueInMs: 5, ticket: 1, isRefused: false, deniedForMs: 0 } },
      { kind: 'wait', dueInMs: 5 },
    ],
    [
      { admission: { kind: 'deferred', dueInMs: 5, ticket: 1, isRefused: true, deniedForMs: 9 } },
      { kind: 'down', dueInMs: 5 },
    ],
  ] as const)('is not sent yet with %j', async (before, result) => {
    const asked = await ask(CLIENT, before);
    expect(asked.result).toMatchObject(result);
    expect(asked.sent).toEqual([]);
  });
});
