import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { type NotifyTarget, ProxyRules, SecretRules } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { createFetcher, USER_AGENT } from '@fetchfleet/fetcher';
import {
  connectRedis,
  fleetKeys,
  Gate,
  Ledger,
  Origins,
  Outbox,
  SliceQueue,
  Waitlist,
} from '@fetchfleet/fleet';
import { Beat, createLogger } from '@fetchfleet/service';
import {
  closeAfterEach,
  eventually,
  redisUrl,
  startOrigin,
  track,
  trackRedis,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { Notifier } from '../../src/notify/notifier.ts';
import { OriginSchedulers } from '../../src/origin/origin-schedulers.ts';
import { Permits } from '../../src/permits/permits.ts';

closeAfterEach();

const SECRET = `whsec_${randomBytes(24).toString('base64')}`;
const DAY_MS = 86_400_000;

/** A receiver that keeps what it gets. */
async function startReceiver() {
  const origin = await startOrigin();
  const messages: { readonly headers: Record<string, string>; readonly text: string }[] = [];
  let status = 204;
  let headers = {};
  origin.respond(/./, async (request, response) => {
    const text = (await buffer(request)).toString();
    messages.push({ headers: request.headers as Record<string, string>, text });
    response.writeHead(status, headers).end();
  });
  const answer = (next: number, nextHeaders = {}): void => {
    status = next;
    headers = nextHeaders;
  };
  return { url: `${origin.url}/hook`, messages, answer, stop: async () => origin.stop() };
}

async function startFleet(notify: readonly NotifyTarget[]) {
  const redis = await connectRedis(redisUrl());
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  const ledger = new Ledger(redis, keys);
  const outbox = new Outbox(redis, keys);
  const log = createLogger({ name: 'test', level: 'silent', pretty: false });
  const text = 'url: http://a.example/{n}\nparams: { n: [1] }\nnetwork: { allowPrivate: true }\n';
  const crawl = { ...parseCrawlFile(text, 'told.yaml'), notify };
  trackRedis(redis, `Redis connection of ${keys.home.queuePrefix}`);
  const finish = async (id: string): Promise<void> => {
    const rest = { total: 1, sliceSize: 1, source: id, fingerprint: id };
    await ledger.register({ id, crawl, ...rest });
    await ledger.expanded(id);
    await ledger.settle(id, [{ index: 0, outcome: 'ok', durationMs: 1, bytes: 1 }]);
  };
  const startNotifier = (
    worker: string,
    { allowPrivate = true, rules = 'S', now = Date.now } = {},
  ) => {
    const ended: string[] = [];
    const fetcher = createFetcher({ transport: 'native', allowPrivate, userAgent: USER_AGENT });
    const queue = new SliceQueue(redis, keys);
    const forced = new AbortController();
    const schedulers = new OriginSchedulers({
      gate: new Gate({ redis, keys, worker }),
      permits: new Permits(10),
      crawlDelayMs: () => undefined,
      waitlist: new Waitlist(redis, keys),
      queue,
      ledger,
      publishChange: async () => undefined,
      every: new Beat().every,
      log,
      onError: (error) => void ended.push(String(error)),
    });
    const env = { S: SECRET };
    const notifier = new Notifier({
      outbox,
      every: new Beat().every,
      fetcher,
      schedulers,
      secrets: { env, rules: SecretRules.parse(rules) },
      network: { allowProxy: ProxyRules.parse(''), allowInsecureTls: false, env },
      isConnected: () => redis.status === 'ready',
      draining: forced.signal,
      stop: forced.signal,
      maxRetryAfterMs: 3_600_000,
      onEnded: (result) => ended.push(result),
      log,
      onError: (error) => ended.push(String(error)),
      now,
    });
    let isOpen = true;
    track({
      what: `notifier ${worker}`,
      isOpen: () => isOpen,
      close: async () => {
        isOpen = false;
        forced.abort();
        await notifier.stop();
        await schedulers.stop();
        await queue.stop();
        await fetcher.stop();
      },
    });
    notifier.start();
    return { notifier, ended };
  };
  const isEmpty = async (): Promise<boolean> => (await outbox.counts()).waiting === 0;
  return { redis, keys, ledger, outbox, finish, startNotifier, isEmpty };
}

describe('a notification', () => {
  it('is left to a worker that has its secret, without using an attempt', async () => {
    const receiver = await startReceiver();
    const fleet = await startFleet([{ url: receiver.url, secret: '${env:S}', on: ['finished'] }]);
    await fleet.finish('b');
    const without = fleet.startNotifier('w-1', { rules: '' });
    await eventually(() => without.ended.length > 0);
    expect(await fleet.outbox.waiting('b')).toMatchObject([
      { attempts: 0, lastProblem: expect.stringContaining('does not have S') },
    ]);
    await fleet.redis.zadd(
      fleet.keys.home.outboxDue,
      0,
      ...(await fleet.redis.hkeys(fleet.keys.home.outbox)),
    );
    const { ended } = fleet.startNotifier('w-2');
    await eventually(async () => fleet.isEmpty());
    await eventually(() => ended.length > 0);
    expect([...without.ended, ...ended]).toEqual(['failed', 'delivered']);
    expect(receiver.messages).toHaveLength(1);
  });

  it('is delivered once by two workers, signed, and counts at its origin', async () => {
    const receiver = await startReceiver();
    const fleet = await startFleet([
      { url: receiver.url, secret: '${env:S}', on: ['finished', 'cancelled'] },
    ]);
    const batches = Array.from({ length: 20 }, (_, at) => `b-${at}`);
    await Promise.all(batches.map(async (id) => fleet.finish(id)));
    const [one, other] = [fleet.startNotifier('w-1'), fleet.startNotifier('w-2')];
    await eventually(async () => fleet.isEmpty());
    await eventually(() => one.ended.length + other.ended.length === 20);
    expect(new Set([...one.ended, ...other.ended])).toEqual(new Set(['delivered']));
    const documents = receiver.messages.map(({ text, headers }) =>
      new Webhook(SECRET).verify(text, headers),
    );
    expect(documents).toHaveLength(20);
    expect(documents).toContainEqual(
      expect.objectContaining({ type: 'batch.finished', batch: 'b-7', state: 'finished', ok: 1 }),
    );
    const origins = new Origins(fleet.redis, fleet.keys);
    await eventually(async () => {
      const [origin] = await origins.list([new URL(receiver.url).origin]);
      expect(origin).toMatchObject({ inUse: 0 });
    });
    expect(await fleet.redis.hgetall(fleet.keys.gate(new URL(receiver.url).origin))).not.toEqual(
      {},
    );
  });

  it('waits for a receiver that is down, with the same id and body, and what it said', async () => {
    const receiver = await startReceiver();
    receiver.answer(500);
    const fleet = await startFleet([{ url: receiver.url, on: ['finished'] }]);
    const { notifier, ended } = fleet.startNotifier('w-1');
    await fleet.finish('b');
    notifier.wake();
    await eventually(async () => (await fleet.outbox.waiting('b'))[0]?.attempts === 1);
    expect(await fleet.outbox.waiting('b')).toMatchObject([{ lastProblem: 'it answered 500' }]);
    receiver.answer(200);
    await eventually(async () => fleet.isEmpty());
    await eventually(() => ended.at(-1) === 'delivered');
    expect(ended[0]).toBe('failed');
    const ids = receiver.messages.map(({ headers, text }) => headers['webhook-id'] + text);
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(1);
  });

  it.each([
    { status: 410, result: 'gone' },
    { status: 302, result: 'failed' },
  ])('follows no redirect, and ends at 410: $status', async ({ status, result }) => {
    const [receiver, elsewhere] = [await startReceiver(), await startReceiver()];
    receiver.answer(status, { location: elsewhere.url });
    const fleet = await startFleet([{ url: receiver.url, on: ['finished'] }]);
    await fleet.finish('b');
    const { ended } = fleet.startNotifier('w-1');
    await eventually(() => ended[0] === result);
    expect(await fleet.isEmpty()).toBe(result === 'gone');
    expect(elsewhere.messages).toEqual([]);
  });

  it.each([
    ['an address that the worker refuses', { allowPrivate: false }, 'refused'],
    ['after a day', { now: () => Date.now() + 2 * DAY_MS }, 'expired'],
    ['without its secret', { rules: '' }, 'failed'],
  ])('is not sent: %s', async (_, options, result) => {
    const receiver = await startReceiver();
    const fleet = await startFleet([{ url: receiver.url, secret: '${env:S}', on: ['finished'] }]);
    await fleet.finish('b');
    const { ended } = fleet.startNotifier('w-1', options);
    await eventually(() => ended.length > 0);
    expect(ended).toEqual([result]);
    expect(receiver.messages).toEqual([]);
    expect(await fleet.isEmpty()).toBe(result !== 'failed');
  });
});
