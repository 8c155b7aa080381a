import { closeAfterEach } from '@fetchfleet/testing';
import type { Slice } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { HeldSlices, Origins, RobotsStore, SliceQueue, tryOrigin } from '../../src/index.ts';
import { plan, sliceOf } from '../fixture.ts';
import { origin, workers } from '../gate/gate-fixture.ts';

closeAfterEach();

const BLOCK = { ended: 1, refused: 1, blockMs: 3_600_000, lastError: 'answered 429' };
const DOWN = { ended: 10, failures: 10, lastError: 'refused the connection' };
const OK = { ended: 1, ok: 1 };

async function fleet() {
  const { redis, keys, waitlist, ...crew } = await workers(2);
  const origins = new Origins(redis, keys, undefined, 'ann@host');
  const queue = new SliceQueue(redis, keys);
  const heldSlices = new HeldSlices(redis, keys);
  const attempt = async () => tryOrigin({ origins, waitlist, heldSlices, queue }, origin);
  const events = async () => (await origins.detail(origin)).events.map(({ event }) => event);
  /** A slice that is delayed in the queue, as those are that wait for a turn or a robots.txt. */
  const delay = async (batch: string, first: number, state?: Slice['state']): Promise<string> => {
    const slice = { ...sliceOf(batch, first, 2), ...(state !== undefined && { state }) };
    const id = `${batch}.${first}`;
    await queue.add([slice]);
    await redis.zrem(keys.home.queue('prioritized'), id);
    await redis.zadd(keys.home.queue('delayed'), 9_000_000_000_000 + first, id);
    return id;
  };
  const isQueued = async (id: string) =>
    (await redis.zscore(keys.home.queue('prioritized'), id)) !== null;
  return { redis, keys, ...crew, waitlist, origins, queue, attempt, events, delay, isQueued };
}

describe('an origin that is tried now', () => {
  it('gets one fetch of the whole fleet after a block, and the others once it is answered', async () => {
    const { first, second, attempt, origins, events, queue } = await fleet();
    await first.ask(0, { report: BLOCK });
    expect(await second.ask(5)).toMatchObject({ granted: 0, state: 'blocked' });
    expect(await attempt()).toEqual({ ended: ['block'], woken: 0 });
    expect(await origins.status(origin)).toMatchObject({ breaker: 'half-open' });
    expect(await second.ask(5)).toMatchObject({ granted: 1, state: 'probing' });
    expect(await first.ask(5)).toMatchObject({ granted: 0, state: 'probing' });
    const answered = await second.ask(5, { report: OK });
    // The limit of the crawl file holds.
    expect(answered).toMatchObject({ granted: 4, hasChanged: true });
    expect(await events()).toEqual(['closed', 'half-open', 'tried', 'blocked']);
    const [, , tried] = (await origins.detail(origin)).events;
    expect(tried).toMatchObject({ text: 'block', by: 'ann@host', times: 1 });
    await queue.stop();
  });

  it('is blocked again if it still refuses', async () => {
    const { first, attempt, origins, events, queue } = await fleet();
    await first.ask(0, { report: BLOCK });
    await attempt();
    expect((await first.ask(5)).granted).toBe(1);
    expect(await first.ask(4, { report: BLOCK })).toMatchObject({ granted: 0, state: 'blocked' });
    expect(await origins.status(origin)).toMatchObject({
      breaker: 'closed',
      lastError: 'answered 429',
    });
    expect(await events()).toEqual(['blocked', 'half-open', 'tried', 'blocked']);
    await queue.stop();
  });

  it('gets the probe of an open breaker before its time, which opens it for longer', async () => {
    const { first, attempt, origins, queue } = await fleet();
    await first.ask(0, { report: DOWN });
    expect(await first.ask(5)).toMatchObject({ granted: 0, state: 'breaker' });
    expect(await attempt()).toMatchObject({ ended: ['breaker'] });
    expect(await first.ask(5)).toMatchObject({ granted: 1, state: 'probing' });
    await first.ask(4, { report: { ended: 1, failures: 1 } });
    const status = await origins.status(origin);
    expect(status).toMatchObject({ breaker: 'open' });
    expect(status?.openMs).toBeGreaterThan(3_000);
    await queue.stop();
  });

  it('keeps to its rate', async () => {
    const { first, attempt, queue } = await fleet();
    const politeness = { ...plan.politeness, rate: { count: 1, perMs: 3_600_000 } };
    await first.ask(1, { politeness });
    await first.ask(0, { politeness, report: BLOCK });
    await attempt();
    expect(await first.ask(1, { politeness })).toMatchObject({ granted: 0, state: 'rate' });
    await queue.stop();
  });

  it('stays as it is where nothing keeps it shut', async () => {
    const { redis, keys, first, attempt, events, queue } = await fleet();
    expect(await attempt()).toEqual({ ended: [], woken: 0 });
    expect(await redis.exists(keys.gate(origin))).toBe(0);
    await first.ask(1);
    expect(await attempt()).toEqual({ ended: [], woken: 0 });
    expect(await first.ask(1)).toMatchObject({ granted: 1, state: 'open' });
    expect(await events()).toEqual([]);
    await queue.stop();
  });

  it('wakes the slice whose turn is next, and takes out those before it that are gone', async () => {
    const { first, attempt, delay, isQueued, waitlist, queue } = await fleet();
    const [next, later] = [await delay('b', 7), await delay('b', 8)];
    await first.ask(0, { report: BLOCK });
    await first.defer(5, 0, 'gone.0');
    await first.defer(5, 0, next);
    await first.defer(5, 0, later);
    expect(await attempt()).toEqual({ ended: ['block'], woken: 1 });
    expect([await isQueued(next), await isQueued(later)]).toEqual([true, false]);
    expect(await waitlist.next(origin)).toEqual([next, later]);
    await queue.stop();
  });

  it('has its robots.txt asked for again, and the slices woken that wait for it', async () => {
    const { redis, keys, attempt, delay, isQueued, queue } = await fleet();
    const store = new RobotsStore(redis, keys);
    const since = Date.now() - 60_000;
    const known = { kind: 'wait', tries: 3, againAt: since + 3_600_000, reason: 'it answered 429' };
    await store.write(origin, { ...known, since } as Parameters<RobotsStore['write']>[1]);
    const waiting = [await delay('b', 1), await delay('c', 2)];
    expect(await attempt()).toEqual({ ended: ['robots.txt'], woken: 2 });
    expect(await Promise.all(waiting.map(isQueued))).toEqual([true, true]);
    expect((await store.read(origin)).known).toEqual({ ...known, since, againAt: 0 });
    expect(await redis.pttl(keys.robots(origin))).toBeGreaterThan(80_000_000);
    await queue.stop();
  });

  it('has the slices woken whose fetches it has refused, and those are due', async () => {
    const { redis, keys, first, attempt, delay, isQueued, queue } = await fleet();
    const later = Date.now() + 3_600_000;
    const refused = await delay('b', 1, [
      [0, 2, later, 1_000],
      [1, 1, later, 0],
    ]);
    // These wait for their next attempt, whatever the origin does.
    const failed = await delay('b', 5, [
      [0, 1, later, 0],
      [1, 1, later, 0],
    ]);
    const otherwhere = JSON.stringify({ ...sliceOf('b', 9, 1), origin: 'http://b.example' });
    const other = await delay('b', 9);
    await redis.hset(keys.home.queue(other), 'data', otherwhere);
    await first.ask(0, { report: BLOCK });
    expect(await attempt()).toEqual({ ended: ['block'], woken: 1 });
    expect(await Promise.all([refused, failed, other].map(isQueued))).toEqual([true, false, false]);
    const text = (await redis.hget(keys.home.queue(refused), 'data')) ?? '';
    expect(JSON.parse(text)).toEqual({
      ...sliceOf('b', 1, 2),
      state: [
        [0, 2, 0, 1_000],
        [1, 1, later, 0],
      ],
    });
    await queue.stop();
  });

  it('has what it refused of slices in the waitlist due as well, in their turn', async () => {
    const { redis, keys, first, attempt, delay, isQueued, queue } = await fleet();
    const at = Date.now() + 3_600_000;
    const slices = [await delay('b', 1, [[0, 0, at, 1_000]]), await delay('b', 5, [[1, 1, at, 2]])];
    await first.ask(0, { report: BLOCK });
    for (const slice of slices) {
      await first.defer(5, 0, slice);
    }
    expect(await attempt()).toEqual({ ended: ['block'], woken: 1 });
    expect(await Promise.all(slices.map(isQueued))).toEqual([true, false]);
    const texts = await Promise.all(
      slices.map(async (id) => redis.hget(keys.home.queue(id), 'data')),
    );
    expect(texts.map((text): unknown => JSON.parse(text ?? '').state)).toEqual([
      [[0, 0, 0, 1_000]],
      [[1, 1, 0, 2]],
    ]);
    await queue.stop();
  });

  it('goes by the clock of Redis, whatever that of this machine shows', async () => {
    const { first, attempt, delay, isQueued, queue } = await fleet();
    const later = Date.now() + 3_600_000;
    const refused = await delay('b', 1, [[0, 2, later, 1_000]]);
    const failed = await delay('b', 5, [
      [0, 1, later, 0],
      [1, 1, later, 0],
    ]);
    await first.ask(0, { report: BLOCK });
    const system = Date.now;
    Date.now = () => system() + 2 * 3_600_000;
    try {
      expect(await attempt()).toEqual({ ended: ['block'], woken: 1 });
    } finally {
      Date.now = system;
    }
    expect(await Promise.all([refused, failed].map(isQueued))).toEqual([true, false]);
    await queue.stop();
  });

  it('has that due also of slices behind more than it wakes', async () => {
    const { redis, keys, first, attempt, delay, queue } = await fleet();
    const at = Date.now() + 3_600_000;
    const state: Slice['state'] = [[0, 0, at, 1_000]];
    const held = redis.pipeline();
    for (let index = 0; index < 1_001; index++) {
      const id = `c.${index}`;
      const data = JSON.stringify({ ...sliceOf('c', index, 1), state });
      held.hset(keys.home.queue(id), { name: 'slice', data, opts: '{}', priority: 1 });
      held.zadd(keys.home.queue('delayed'), index + 1, id);
    }
    await held.exec();
    const last = await delay('b', 1, state);
    await first.ask(0, { report: BLOCK });
    await first.defer(5, 0, last);
    expect(await attempt()).toEqual({ ended: ['block'], woken: 501 });
    const text = (await redis.hget(keys.slice(last), 'data')) ?? '';
    expect(JSON.parse(text)).toMatchObject({ state: [[0, 0, 0, 1_000]] });
    await queue.stop();
  });

  it('lets slices go on that were in a worker when it was tried', async () => {
    const { first, attempt, delay, isQueued, queue } = await fleet();
    await first.ask(0, { report: BLOCK });
    expect(await attempt()).toEqual({ ended: ['block'], woken: 0 });
    const late = await delay('b', 1, [[0, 0, Date.now() + 3_600_000, 1_000]]);
    expect(await attempt()).toEqual({ ended: [], woken: 1 });
    expect(await isQueued(late)).toBe(true);
    await queue.stop();
  });

  it('has told the workers', async () => {
    const { redis, keys, first, attempt, queue } = await fleet();
    const heard = Promise.withResolvers<string>();
    const subscriber = redis.duplicate();
    subscriber.on('message', (_channel, name) => heard.resolve(name));
    await subscriber.subscribe(keys.gateNotifications);
    await first.ask(0, { report: BLOCK });
    await attempt();
    expect(await heard.promise).toBe(origin);
    subscriber.disconnect();
    await queue.stop();
  });
});
