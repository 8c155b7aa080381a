import { createHmac, randomBytes } from 'node:crypto';
import { type FetchFailure, type FetchResponse, ProxyRules, SecretRules } from '@fetchfleet/crawl';
import type { OutboxEntry, Receiver } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { messageOf } from '../../src/notify/message.ts';
import { resolveReceiver } from '../../src/notify/receiver.ts';
import { pauseMs, verdictOf } from '../../src/notify/verdict.ts';

const receiver: Receiver = {
  url: 'https://a.example/hook',
  network: { allowPrivate: false, allow: [] },
  politeness: {
    rate: 'unlimited',
    burst: 1,
    concurrency: 16,
    robots: 'obey',
    patienceMs: 1_000,
  },
};

function entryOf(changes: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    key: 'b|msg_1',
    shard: 0,
    id: 'msg_1',
    event: 'finished',
    batch: 'b',
    at: 1_764_378_000_000,
    receiver,
    status: {
      batch: 'b',
      name: 'countries',
      state: 'finished',
      total: 249,
      settled: 249,
      ok: 249,
      failed: 0,
      outcomes: { ok: 249 },
      createdAt: '2025-11-29T01:00:00.000Z',
      retries: 0,
      fetchesPerSecond: 10,
      durationSumMs: 5,
      bytes: 7,
      sliceSize: 50,
      source: '/x.yaml',
      fingerprint: 'f',
      resultsFolders: [],
      missingSecrets: [],
    },
    name: undefined,
    schedule: undefined,
    reason: undefined,
    attempts: 0,
    lastProblem: undefined,
    ...changes,
  };
}

function messageFor(
  changes: Partial<OutboxEntry>,
  target: { readonly url?: string; readonly secret?: string; readonly format?: 'slack' } = {},
) {
  const { url = receiver.url, secret, format } = target;
  const message = messageOf(entryOf(changes), { url, secret, format }, Date.now());
  return { headers: message.headers, text: message.body.toString() };
}

describe('a message', () => {
  it.each([
    `whsec_${randomBytes(24).toString('base64')}`,
    `whsec_${randomBytes(25).toString('base64')}`,
  ])('is signed so that the reference implementation accepts it', (secret) => {
    const { headers, text } = messageFor({ batch: 'bücher' }, { secret });
    const document = new Webhook(secret).verify(text, headers);
    expect(document).toMatchObject({ type: 'batch.finished', batch: 'b', ok: 249 });
    expect(() => new Webhook(secret).verify(`${text} `, headers)).toThrow('No matching signature');
    const later = messageOf(entryOf(), { url: receiver.url, secret, format: undefined }, 0);
    expect(later.headers['webhook-id']).toBe('msg_1');
    expect(() => new Webhook(secret).verify(later.body.toString(), later.headers)).toThrow(
      'too old',
    );
  });

  it('is signed with any other text as it is', () => {
    const { headers, text } = messageFor({}, { secret: 'open, sesame' });
    const signed = `msg_1.${headers['webhook-timestamp']}.${text}`;
    const hmac = createHmac('sha256', 'open, sesame').update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${hmac}`);
    expect(messageFor({}).headers).not.toHaveProperty('webhook-signature');
  });

  it('is the document of the batch, and what has happened', () => {
    expect(JSON.parse(messageFor({ event: 'failures' }).text)).toMatchObject({
      type: 'batch.failures',
      timestamp: '2025-11-29T01:00:00.000Z',
      batch: 'b',
      state: 'finished',
      outcomes: { ok: 249 },
      schedule: null,
    });
    const failed = {
      event: 'failed-to-start',
      status: undefined,
      name: 'n',
      schedule: 's',
    } as const;
    expect(JSON.parse(messageFor({ ...failed, reason: 'gone' }).text)).toEqual({
      type: 'batch.failed_to_start',
      timestamp: '2025-11-29T01:00:00.000Z',
      batch: 'b',
      name: 'n',
      state: 'failed-to-start',
      schedule: 's',
      reason: 'gone',
    });
  });

  const { status } = entryOf();
  const some = status && { ...status, ok: 240, failed: 9, settled: 249 };
  it.each([
    [{}, 'b finished: 249 of 249 ok'],
    [{ status: some }, 'b finished: 240 of 249 ok, 9 failed'],
    [{ event: 'cancelled', status: some }, 'b was cancelled: 249 of 249 done, 9 failed'],
    [{ event: 'failures', status: some }, 'b goes on: 9 of 249 failed so far'],
    [
      { event: 'failed-to-start', status: undefined, schedule: 's', reason: 'a < b & c' },
      'b of schedule s could not be started: a &lt; b &amp; c',
    ],
  ] as const)('is a sentence for Slack: %#', (changes, text) => {
    const url = 'https://hooks.slack.com/services/T/B/x';
    for (const { text: body } of [
      messageFor(changes, { url }),
      messageFor(changes, { format: 'slack' }),
    ]) {
      expect(JSON.parse(body)).toEqual({ text });
    }
  });
});

const response = (status: number): FetchResponse => ({
  kind: 'response',
  status,
  headers: {},
  body: Buffer.from('sesame'),
  startedAt: 0,
  durationMs: 0,
});

const failure = (outcome: FetchFailure['outcome'], code: string): FetchFailure => ({
  kind: 'failure',
  outcome,
  code,
  message: 'sesame',
  bytes: 0,
  startedAt: 0,
  durationMs: 0,
});

describe('an answer', () => {
  it.each([
    [response(200), { kind: 'delivered' }],
    [response(204), { kind: 'delivered' }],
    [response(410), { kind: 'gone', problem: 'it answered 410' }],
    [response(302), { kind: 'failed', problem: 'it answered 302' }],
    [response(404), { kind: 'failed', problem: 'it answered 404' }],
    [response(503), { kind: 'failed', problem: 'it answered 503' }],
    [failure('bad-redirect', 'TOO_MANY'), { kind: 'failed', problem: 'bad-redirect (TOO_MANY)' }],
    [failure('timeout', 'T'), { kind: 'failed', problem: 'timeout (T)' }],
    [failure('address-refused', 'A'), { kind: 'refused', problem: 'address-refused (A)' }],
  ])('means: %#', (result, verdict) => {
    expect(verdictOf(result)).toEqual(verdict);
  });

  it.each([
    { attempts: 1, askedMs: 0, ms: 1_000 },
    { attempts: 4, askedMs: 0, ms: 8_000 },
    { attempts: 4, askedMs: 30_000, ms: 30_000 },
    { attempts: 13, askedMs: 0, ms: 3_600_000 },
    { attempts: 1_000, askedMs: 1e12, ms: 3_600_000 },
  ])('keeps the next attempt waiting: %j', ({ attempts, askedMs, ms }) => {
    expect(pauseMs(attempts, askedMs, () => 0.5)).toBe(ms);
  });
});

describe('a receiver', () => {
  const access = { allowProxy: ProxyRules.parse(''), allowInsecureTls: false, env: {} };
  const resolve = (
    changes: Partial<Receiver>,
    env: Readonly<Record<string, string>>,
    rules: string,
  ) =>
    resolveReceiver({ ...receiver, ...changes }, { env, rules: SecretRules.parse(rules) }, access);
  const lacks = { kind: 'lacking', problem: expect.stringContaining('does not have S,') };

  it.each([
    [{ secret: '${env:S}' }, { S: 'x' }, 'S', { receiver: { secret: 'x' } }],
    [{ secret: '${env:S}' }, { S: 'x' }, 'S@https://a.example', { receiver: { secret: 'x' } }],
    [{ secret: '${env:S}' }, { S: 'x' }, 'S@https://b.example', lacks],
    [{ secret: '${env:S}' }, { S: 'x' }, '', lacks],
    [{ secret: '${env:S}' }, {}, 'S', lacks],
    [{ secret: '${env:S}' }, { S: 'se\nsame' }, 'S', { kind: 'refused' }],
    [
      { url: '${env:S}' },
      { S: 'https://c.example/p' },
      'S',
      { receiver: { origin: 'https://c.example' } },
    ],
    [{ url: '${env:S}' }, { S: 'https://c.example/p' }, 'S@https://c.example', { kind: 'ready' }],
    [{ url: '${env:S}' }, { S: 'https://c.example/p' }, 'S@https://a.example', lacks],
    [{ url: '${env:S}' }, { S: 'http://127.0.0.1/sesame' }, 'S', { kind: 'refused' }],
    [{ url: '${env:S}' }, { S: 'sesame' }, 'S', { kind: 'refused' }],
    [{ url: '${env:S}' }, { S: '${env:T}' }, 'S', { kind: 'refused' }],
    [
      { url: 'https://a.example/${env:S}' },
      { S: 'x' },
      'S@https://a.example',
      { receiver: { url: 'https://a.example/x' } },
    ],
  ])('%j with %j and --secrets "%s"', (changes, env, rules, expected) => {
    const resolved = resolve(changes, env, rules);
    expect(resolved).toMatchObject(expected);
    expect('problem' in resolved ? resolved.problem : '').not.toContain('same');
  });
});
