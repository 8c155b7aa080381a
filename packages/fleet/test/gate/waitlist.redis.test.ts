import type { Politeness } from '@fetchfleet/crawl';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { origin, unlimited, workers } from './gate-fixture.ts';

closeAfterEach();

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

  it('leave with their batch, and so do its limits', async () => {
    const { first, waitlist } = await workers(1);
    const strict: Politeness = { ...unlimited, rate: { count: 1, perMs: 60_000 } };
    await first.ask(1, { politeness: strict, batch: 'a' });
    await first.defer(50, 0, 'a.0');
    await first.defer(50, 0, 'a-2.0');
    await first.defer(50, 0, 'b.0');
    expect((await first.ask(1)).paceMs).toBe(60_000);
    await waitlist.leaveBatch('a', [origin]);
    expect(await waitlist.next(origin)).toEqual(['a-2.0', 'b.0']);
    expect((await first.ask(1)).paceMs).toBeLessThan(1_000);
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
