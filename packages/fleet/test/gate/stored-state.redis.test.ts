import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { freshFleet } from '../fixture.ts';
import { NOTHING, SimulatedGate } from './model-fleet.ts';

closeAfterEach();

const NOW_US = 1_800_000_000_000_000;
const free = { batch: 'b', interval: 0, burst: 1, concurrency: 0 };
const call = { worker: 'w', held: 0, want: 2, lead: 1_000, batches: [free] };

async function gateOf(state: Record<string, string> = {}): Promise<SimulatedGate> {
  const { redis } = await freshFleet();
  const gate = new SimulatedGate(redis);
  gate.now = NOW_US;
  await gate.store(state);
  return gate;
}

/** Version 0.1 reads and writes the same hash: names and formats are part of the contract. */
describe('the stored state of an origin', () => {
  it('has the lease and the limits after the first exchange', async () => {
    const gate = await gateOf();
    const { hash } = await gate.exchange(call);
    expect(hash).toEqual({
      'lease:w': '2 1800000012000000',
      'limits:b': '0 1 0 1800000060000000',
    });
    await gate.clear();
  });

  it('has the next slot and the waiting fetches where a rate limits the origin', async () => {
    const gate = await gateOf();
    const batches = [{ ...free, interval: 333_333.3333333333, burst: 2, concurrency: 4 }];
    const { hash } = await gate.exchange({ ...call, want: 5, batches });
    expect(hash).toEqual({
      'lease:w': '2 1800000012000000',
      'waits:w': '3 1800000000000000 1800000000315000',
      'limits:b': '333333.33333333331 2 4 1800000060666667',
      tat: '1800000000681000.000',
      spacing: '340000.000',
    });
    await gate.clear();
  });

  it('has a block and durations after a refusal that names a time', async () => {
    const gate = await gateOf({ second: '1800000000', okNow: '9', okBefore: '20', denials: '2' });
    const ended = { ended: 4, ok: 3, refused: 1, durationMs: 40, blockMs: 5_000 };
    const { hash } = await gate.exchange({ ...call, want: 0 }, { ...NOTHING, ...ended });
    expect(hash).toEqual({
      historyUntil: '1800002405000000.000',
      'limits:b': '0 1 0 1800000060000000',
      durationMs: '10.000',
      fastestMs: '10.000',
      second: '1800000000',
      okNow: '12.000',
      okBefore: '20',
      blockedUntil: '1800000005000000.000',
      blockedFor: '429',
      blockedAt: '1800000000000000.000',
      deniedSince: '1800000000000000.000',
    });
    await gate.clear();
  });

  it('has a learned rate and durations after a refusal without a time', async () => {
    const gate = await gateOf({ second: '1800000000', okNow: '9', okBefore: '20', denials: '2' });
    const ended = { ended: 4, ok: 3, refused: 1, durationMs: 40 };
    const { hash } = await gate.exchange({ ...call, want: 0 }, { ...NOTHING, ...ended });
    expect(hash).toEqual({
      historyUntil: '1800002400000000.000',
      sampledAt: '1800000000000000.000',
      'limits:b': '0 1 0 1800000060000000',
      durationMs: '10.000',
      fastestMs: '10.000',
      second: '1800000000',
      okNow: '12.000',
      okBefore: '20',
      learned: '54.000',
      ceiling: '60.000',
      learnedAt: '1800000000000000.000',
      raisedAt: '1800000000000000.000',
    });
    await gate.clear();
  });

  it('loses expired entries, and those of a worker without fetches', async () => {
    const gate = await gateOf({
      'lease:w': '3 1800000001000000',
      'lease:dead': '3 1799999999999999',
      'lease:other': '1 1800000001000000',
      'limits:over': '1000000 1 1 1799999999999999',
      'waits:w': '5 1799999999000000 0',
      'waits:gone': '5 1799999997999999 0',
      second: '1800000000',
    });
    const { hash } = await gate.exchange({ ...call, want: 0, batches: [] });
    expect(hash).toEqual({ 'lease:other': '1 1800000001000000', second: '1800000000' });
    await gate.clear();
  });

  it('is brought forward where it was stored before the clock was set back by ten minutes', async () => {
    const gate = await gateOf({
      'lease:dead': '3 1800000609000000',
      'limits:a': '1000000 1 4 1800000661000000',
      'waits:v': '5 1800000599000000 1800000600500000',
      'woken:a.0': '20 1800000601000000',
      'flow:a': '30 1',
      opens: '1.000',
      openUntil: '1800000601000000.000',
      probe: 'dead 1800000609000000',
      blockedUntil: '1800000603000000.000',
      blockedAt: '1800000599000000.000',
      deniedSince: '1800000500000000.000',
      learned: '5.000',
      ceiling: '6.000',
      learnedAt: '1799999000000000.000',
      raisedAt: '1800000599000000.000',
      windowAt: '1800000599000000.000',
      checkedAt: '1800000599000000.000',
    });
    expect((await gate.exchange({ ...call, want: 0, batches: [] })).reply).toMatchObject({
      state: 'breaker',
      againUs: 2_000_000,
    });
    expect((await gate.look()).hash).toMatchObject({
      'lease:dead': '3 1800000012000000',
      'limits:a': '1000000 1 4 1800000062000000',
      'waits:v': '5 1800000000000000 1800000001500000',
      'woken:a.0': '20 1800000002000000',
      openUntil: '1800000002000000.000',
      probe: 'dead 1800000012000000',
      blockedUntil: '1800000004000000.000',
      blockedAt: '1800000000000000.000',
      deniedSince: '1800000000000000.000',
      learnedAt: '1799999000000000.000',
      raisedAt: '1800000000000000.000',
      windowAt: '1800000000000000.000',
      checkedAt: '1800000000000000.000',
    });
    await gate.clear();
  });

  it('closes the breaker with the success of its probe', async () => {
    const gate = await gateOf({
      opens: '1',
      openUntil: '1799999999000000.000',
      probe: 'w 1800000001000000',
      failures: '12.000',
      deniedSince: '1799999990000000.000',
      second: '1800000000',
    });
    const ended = { ended: 1, ok: 1, durationMs: 10 };
    const after = await gate.exchange({ ...call, want: 0 }, { ...NOTHING, ...ended });
    expect(after.reply).toEqual({
      nowMs: '1800000000000.000',
      hasChanged: true,
    });
    expect(after.hash).toEqual({
      historyUntil: '1800002400000000.000',
      'limits:b': '0 1 0 1800000060000000',
      failures: '0.000',
      durationMs: '10.000',
      fastestMs: '10.000',
      second: '1800000000',
      okNow: '1.000',
    });
    await gate.clear();
  });

  it('has a ticket after a slice was deferred, and the slice in the waitlist', async () => {
    const gate = await gateOf({ head: '10.000', 'woken:b.0': '20 1800000001000000', second: '1' });
    expect(await gate.defer('b.0', 20)).toEqual({ ticket: 30, dueInMs: 0 });
    expect((await gate.look()).hash).toEqual({
      head: '10.000',
      tail: '30',
      'flow:b': '30 1',
      second: '1',
    });
    await gate.clear();
  });
});

describe('a stored state that no gate has written', () => {
  const NUMBERS = [
    'tat spacing head tail checkedAt durationMs fastestMs timedOut blockedUntil denials deniedSince',
    'crawlDelay learned learnedAt ceiling raisedAt window windowAt blockedAt second okNow okBefore failures',
    'errorUrls opens openUntil probe',
  ].flatMap((names) => names.split(' '));
  const ENTRIES = ['lease:x', 'lease:w', 'waits:x', 'limits:a', 'limits:b', 'woken:a.0', 'flow:a'];
  const GARBAGE = [
    '',
    'x',
    'nan',
    'inf',
    '-inf',
    '1e999',
    '\u009b2J',
    '1 x',
    'a b c d',
    '1 2 3 4 5',
  ];

  it.each(GARBAGE)('is as if it were absent, for every field: %j', async (garbage) => {
    const plain = await gateOf();
    const expected = await plain.exchange(call);
    for (const field of [...NUMBERS, ...ENTRIES]) {
      const gate = await gateOf({ [field]: garbage });
      expect(await gate.inspect()).toMatchObject({ breaker: 'closed', waiting: 0 });
      const { reply, hash } = await gate.exchange(call);
      expect({ field, reply }).toEqual({ field, reply: expected.reply });
      expect(hash).toMatchObject(expected.hash);
      const ended = { ended: 2, ok: 1, refused: 1, durationMs: 40 };
      await gate.exchange(call, { ...NOTHING, ...ended });
      await gate.defer('b.0', 20);
      await gate.leave({ batch: 'b' });
    }
  });

  it('does not hold for limits that somebody has set by hand either', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    await gate.set({ interval: Number.NaN, concurrency: Number.POSITIVE_INFINITY });
    expect((await gate.exchange(call)).granted).toBe(2);
  });
});
