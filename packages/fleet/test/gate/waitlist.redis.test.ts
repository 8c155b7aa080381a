import type { Politeness } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Arrival } from '../../src/index.ts';
import { freshFleet } from '../fixture.ts';
import { origin, unlimited, workers } from './gate-fixture.ts';
import { SimulatedGate } from './model-fleet.ts';

closeAfterEach();

/** Of a slice whose worker died; see `waiting-slice.ts` of the worker. */
const FIRST_TICKET = 1;

describe('deferred slices', () => {
  it('get a ticket and a forecast, and keep the ticket when they are deferred again', async () => {
    const { first } = await workers(1);
    const slow: Politeness = { ...unlimited, rate: { count: 10, perMs: 1000 } };
    await first.ask(1, { politeness: slow });
    const a = await first.defer(50);
    const b = await first.defer(50);
    expect(a).toMatchObject({ ticket: 50, dueInMs: 0 });
    expect(b.ticket).toBe(100);
    expect(b.dueInMs).toBeCloseTo(5_000, -2);
    expect(await first.defer(50, b.ticket, 'b.2')).toEqual(b);
  });

  it('are woken in order, as many as the fleet needs for the next second', async () => {
    const { first, second } = await workers(2);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness });
    for (let i = 0; i < 4; i++) {
      await second.defer(20);
    }
    expect((await first.ask(0, { politeness, waiting: 49 })).wakeSlices).toEqual(['b.1']);
    // Woken slices that have not arrived count, and so do fetches that wait at other workers.
    expect((await second.ask(0, { politeness })).wakeSlices).toEqual([]);
    const arrivals = [{ slice: 'b.1', fetches: 20 }];
    expect((await second.ask(0, { politeness, arrivals, waiting: 20 })).wakeSlices).toEqual([]);
    expect((await first.ask(0, { politeness, waiting: 5 })).wakeSlices).toEqual(['b.2', 'b.3']);
  });

  it('are woken again when they arrived and were deferred at once', async () => {
    const { first } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness });
    const { ticket } = await first.defer(50);
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['b.1']);
    await first.gate.defer(origin, { slice: 'b.1', count: 50, ticket });
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['b.1']);
  });

  it('leave the waitlist when they arrive by their own timer', async () => {
    const { first } = await workers(1);
    await first.ask(1);
    await first.defer(3);
    await first.defer(3);
    const arrivals = [{ slice: 'b.1', fetches: 3 }];
    const slow: Politeness = { ...unlimited, rate: { count: 1, perMs: 1000 } };
    const answer = await first.ask(0, { politeness: slow, arrivals, waiting: 50 });
    expect(answer).toMatchObject({ deferred: 1, wakeSlices: [] });
  });

  it('are woken at once when a limit is raised', async () => {
    const { first, redis, keys } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 1, perMs: 60_000 } };
    await first.ask(1, { politeness });
    for (let i = 0; i < 4; i++) {
      await first.defer(50);
    }
    expect((await first.ask(1, { politeness, waiting: 50 })).wakeSlices).toEqual([]);
    await redis.hset(keys.gateSettings(origin), 'interval', '10000');
    expect((await first.ask(1, { politeness, waiting: 50 })).wakeSlices).toEqual(['b.1', 'b.2']);
  });

  it('make room for the next ones when they turn out to be gone', async () => {
    const { first, waitlist } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness });
    for (let i = 0; i < 4; i++) {
      await first.defer(50);
    }
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['b.1']);
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual([]);
    await waitlist.leave(origin, ['b.1', 'b.2']);
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['b.3']);
    expect(await waitlist.next(origin)).toEqual(['b.4']);
  });

  it('are named again every 2 s until they come, are queued or are gone', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    const b = { batch: 'b', interval: 50_000, burst: 1, concurrency: 0 };
    const call = { worker: 'w', held: 0, want: 0, lead: 500, batches: [b] };
    await gate.exchange(call);
    for (const slice of ['b.0', 'b.50', 'b.100', 'b.150', 'b.200']) {
      await gate.defer(slice, 10);
    }
    const named = async (more: Partial<typeof call & { arrivals: Arrival[] }> = {}) => {
      const { wakeSlices = [], overdueSlices = [] } = (await gate.exchange({ ...call, ...more }))
        .reply;
      return { wakeSlices, overdueSlices: overdueSlices.toSorted() };
    };
    const nothing = { wakeSlices: [], overdueSlices: [] };
    expect(await named()).toEqual({ ...nothing, wakeSlices: ['b.0', 'b.50'] });
    gate.now += 1_900_000;
    expect(await named()).toEqual(nothing);
    gate.now += 100_000;
    // Nobody counts on them any more.
    expect(await named()).toEqual({
      wakeSlices: ['b.100', 'b.150'],
      overdueSlices: ['b.0', 'b.50'],
    });
    expect(await named({ worker: 'v' })).toEqual(nothing);
    // Only those that are overdue may be forgotten so.
    await gate.leave({ queued: ['b.0', 'b.100'] });
    await gate.leave({ slices: ['b.150'] });
    gate.now += 2_000_000;
    expect(await named()).toEqual({ wakeSlices: ['b.200'], overdueSlices: ['b.100', 'b.50'] });
    gate.now += 1_000_000;
    const arrivals = ['b.50', 'b.100', 'b.200'].map((slice) => ({ slice, fetches: 10 }));
    const { reply } = await gate.exchange({ ...call, arrivals: arrivals.slice(0, 2) });
    expect(reply).toMatchObject({ deferred: 1 });
    gate.now += 1_000_000;
    expect((await gate.exchange({ ...call, arrivals })).reply.deferred).toBeUndefined();
    gate.now += 2_000_000;
    expect(await named()).toEqual(nothing);
    await gate.clear();
  });

  it('leave with their batch, and so do its limits', async () => {
    const { first, waitlist } = await workers(1);
    const strict: Politeness = { ...unlimited, rate: { count: 1, perMs: 60_000 } };
    await first.ask(1, { politeness: strict, batch: 'a' });
    await first.defer(50, 0, 'a.0');
    await first.defer(50, 0, 'a-2.0');
    await first.defer(50, 0, 'b.0');
    // A batch that had not asked would be woken.
    expect((await first.ask(1, { batch: 'a-2' })).paceMs).toBe(60_000);
    await waitlist.leaveBatch('a', [origin]);
    expect(await waitlist.next(origin)).toEqual(['a-2.0', 'b.0']);
    expect((await first.ask(1)).paceMs).toBeLessThan(1_000);
  });

  it('of a batch that joins are woken before those of another that are behind its own', async () => {
    const { first } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness });
    for (const slice of ['a.0', 'a.50', 'a.100']) {
      await first.defer(50, 0, slice);
    }
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['a.0']);
    expect((await first.defer(20, 0, 'b.0')).ticket).toBe(70);
    expect((await first.defer(20, 0, 'b.20')).ticket).toBe(90);
    expect((await first.defer(20, 0, 'b.40')).ticket).toBe(110);
    const arrivals = [{ slice: 'a.0', fetches: 50 }];
    expect((await first.ask(0, { politeness, arrivals })).wakeSlices).toEqual([
      'b.0',
      'b.20',
      'a.50',
    ]);
  });

  it('were deferred by the version before: a batch that joins takes turns with them', async () => {
    const { first, redis, keys } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness });
    await redis.hset(keys.gate(origin), 'head', '1000.000', 'tail', '6000');
    for (let i = 0; i < 100; i++) {
      await redis.zadd(keys.waitlist(origin), 64 * (1050 + 50 * i) + 50, `a.${50 * i}`);
    }
    expect((await first.defer(20, 0, 'b.0')).ticket).toBe(1020);
    expect(await redis.hget(keys.gate(origin), 'flow:a')).toBe('6000 100');
    // Its slices keep their turns, and further ones come after them.
    expect((await first.defer(50, 6000, 'a.4950')).ticket).toBe(6000);
    expect((await first.defer(50, 0, 'a.5000')).ticket).toBe(6050);
    expect((await first.defer(20, 0, 'b.20')).ticket).toBe(1040);
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['b.0', 'b.20', 'a.0']);
  });

  it('of a dead worker come first, and a batch that joins starts behind the others', async () => {
    const { first, redis, keys } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness });
    await redis.zadd(keys.waitlist(origin), 64 * 5000 + 50, 'a.0', 64 * 5050 + 50, 'a.50');
    expect((await first.defer(10, FIRST_TICKET, 'c.0')).ticket).toBe(FIRST_TICKET);
    expect((await first.defer(50, 0, 'b.0')).ticket).toBe(5000);
    expect((await first.ask(0, { politeness })).wakeSlices).toEqual(['c.0', 'a.0']);
  });

  it('start where the others are, however many have left without a turn', async () => {
    const { first, redis, keys, waitlist } = await workers(1);
    const flows = async (): Promise<string[]> =>
      (await redis.hkeys(keys.gate(origin))).filter((field) => field.startsWith('flow:'));
    await first.ask(1);
    for (const slice of ['a.0', 'a.50', 'a.100', 'b.0', 'b.50', 'b.100']) {
      await first.defer(50, 0, slice);
    }
    await waitlist.leave(origin, ['a.0', 'b.0', 'b.50', 'nobody.0']);
    expect((await first.defer(10, 0, 'c.0')).ticket).toBe(60);
    await waitlist.leave(origin, ['b.100']);
    expect((await flows()).toSorted()).toEqual(['flow:a', 'flow:c']);
    await waitlist.leaveBatch('a', [origin]);
    // With its last ticket it would be behind turns that nobody has.
    expect((await first.defer(10, 0, 'a.0')).ticket).toBe(60);
    expect((await flows()).toSorted()).toEqual(['flow:a', 'flow:c']);
    await redis.del(keys.waitlist(origin)); // as it expires
    expect((await first.defer(10, 100, 'd.0')).ticket).toBe(10);
    expect(await flows()).toEqual(['flow:d']);
  });

  it('are named when they come before their turn, and start nothing', async () => {
    const { first, redis, keys } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    await first.ask(1, { politeness, batch: 'a' });
    await first.defer(50, 0, 'a.0');
    await first.defer(50, 0, 'b.0');
    const { ticket } = await first.defer(50, 0, 'a.50');
    const ask: typeof first.ask = async (want, options) => {
      // b has no worker, and would be woken for that if it was not looked at within a second.
      await redis.hset(keys.gate(origin), 'checkedAt', Date.now() * 1000);
      return first.ask(want, options);
    };
    const asker = { politeness, batch: 'a', waiting: 100 };
    const first2 = { slice: 'a.0', fetches: 50 };
    const early = { slice: 'a.50', fetches: 50 };
    // A mere report takes arrivals along.
    const report = { ...asker, arrivals: [early] };
    expect(await ask(0, report)).toMatchObject({ early: ['a.50'], state: 'rate' });
    expect((await first.defer(50, ticket, 'a.50')).ticket).toBe(ticket);
    expect(await ask(50, { ...asker, arrivals: [early] })).toMatchObject({
      isShared: true,
      early: ['a.50'],
    });
    expect((await first.defer(50, ticket, 'a.50')).ticket).toBe(ticket);
    // The first one of all has its turn.
    expect((await ask(50, { ...asker, arrivals: [first2] })).early).toEqual([]);
    const alone = { ...asker, waiting: 50, arrivals: [early] };
    expect(await ask(50, alone)).toMatchObject({ granted: 0, early: ['a.50'] });
    // Where nothing is limited, nobody waits for a turn.
    await redis.del(keys.gate(origin));
    const unlimitedAsker = { ...alone, politeness: unlimited };
    expect(await ask(50, unlimitedAsker)).toMatchObject({ granted: 50, early: [] });
  });

  it('of a batch that waits at no worker are woken although the fleet has enough', async () => {
    const { first, age } = await workers(1);
    const politeness: Politeness = { ...unlimited, rate: { count: 50, perMs: 1000 } };
    const full = { politeness, batch: 'a', waiting: 500 };
    await first.ask(1, full);
    await age('checkedAt', 2_000_000);
    await first.defer(20, 0, 'b.0');
    await first.defer(50, 0, 'a.0');
    for (let i = 1; i < 5; i++) {
      await first.defer(20, 0, `b.${20 * i}`);
    }
    // A second of its own at most, and not while that is on its way.
    expect((await first.ask(1, full)).wakeSlices).toEqual(['b.0', 'b.20']);
    await age('checkedAt', 2_000_000);
    expect((await first.ask(1, full)).wakeSlices).toEqual([]);
    await age('checkedAt', 2_000_000);
    const arrivals = ['b.0', 'b.20'].map((slice) => ({ slice, fetches: 20 }));
    // The next turn is that of a batch that waits here.
    expect((await first.ask(1, { ...full, arrivals })).wakeSlices).toEqual([]);
  });

  it('of a batch that is behind others are forecast by those others only', async () => {
    const { first, waitlist } = await workers(1);
    const slow: Politeness = { ...unlimited, rate: { count: 10, perMs: 1000 } };
    await first.ask(1, { politeness: slow });
    await first.defer(50, 0, 'a.0');
    const b = await first.defer(50, 0, 'b.0');
    expect(b.dueInMs).toBeCloseTo(5_000, -2);
    await waitlist.leaveBatch('a', [origin]);
    await first.ask(0, { politeness: slow, batch: 'b' });
    expect((await first.defer(50, b.ticket, 'b.0')).dueInMs).toBe(0);
  });

  it('are not woken while the origin is blocked', async () => {
    const { first } = await workers(1);
    await first.defer(3);
    const refusal = { ended: 1, refused: 1, durationMs: 5, blockMs: 400, blockReason: '429' };
    expect((await first.ask(0, { report: refusal })).wakeSlices).toEqual([]);
  });

  it('get an earlier forecast when the limit is raised', async () => {
    const { first, redis, keys } = await workers(1);
    const slow: Politeness = { ...unlimited, rate: { count: 10, perMs: 1000 } };
    await first.ask(1, { politeness: slow });
    await first.defer(50);
    const before = await first.defer(50);
    await redis.hset(keys.gateSettings(origin), 'interval', '1000');
    const after = await first.defer(50, before.ticket, 'b.2');
    expect(after.dueInMs).toBeLessThan(before.dueInMs / 50);
  });
});
