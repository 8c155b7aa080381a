import { closeAfterEach } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { parseEvent } from '../../src/origins/origin-detail.ts';
import { freshFleet } from '../fixture.ts';
import { type ModelReport, NOTHING, SimulatedGate } from './model-fleet.ts';

const START_US = 1_800_000_000_000_000;
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

let redis: Redis;
let gate: SimulatedGate;

beforeEach(async () => {
  ({ redis } = await freshFleet());
  gate = new SimulatedGate(redis);
  gate.now = START_US;
});

afterEach(async () => gate.clear());
closeAfterEach();

async function report(some: Partial<ModelReport>, want = 0): Promise<void> {
  const batches = [{ batch: 'b', interval: 0, burst: 1, concurrency: 0 }];
  const call = { worker: 'w', held: 0, want, lead: 0, batches };
  await gate.exchange(call, { ...NOTHING, ...some });
}

const OK = { ended: 10, ok: 10, durationMs: 100 };
const DOWN = { ended: 10, failures: 10, durationMs: 100 };
const REFUSED = { ended: 1, refused: 1, durationMs: 10 };

/** Since the start of the test. */
function seconds(ms: number): number {
  return (ms - START_US / 1_000) / 1_000;
}

/** What has happened, the newest first: `blocked 0–10 s, until 15 s, 3 times: 429`. */
async function told(): Promise<string[]> {
  return (await gate.history()).events.map((entry) => {
    const { at, lastAt, event, until, times, text } = parseEvent(entry) ?? {};
    const when = `${seconds(at ?? 0)}${lastAt === at ? '' : `–${seconds(lastAt ?? 0)}`} s`;
    const end = until === undefined ? '' : `, until ${seconds(until)} s`;
    return `${event} ${when}${end}${times === 1 ? '' : `, ${times} times`}${text && `: ${text}`}`;
  });
}

describe('the history of an origin', () => {
  it('has nothing where nothing happens, and is no key then', async () => {
    await report(OK, 10);
    await report({ ended: 5, errors: 5, errorUrls: 5, durationMs: 10 }, 3);
    await report({ ended: 5, failures: 5, durationMs: 10 });
    expect(await gate.history()).toEqual({ events: [], rates: [], keptMs: -2 });
    expect((await gate.look()).hash).not.toHaveProperty('historyUntil');
  });

  it('has a block once, also while it grows and where the next one follows', async () => {
    await report({ ...REFUSED, blockMs: 10_000 });
    gate.now += 5 * SECOND;
    await report({ ...REFUSED, blockMs: 5_200 });
    expect(await told()).toEqual(['blocked 0 s, until 10 s: 429']);
    await report({ ...REFUSED, blockMs: 20_000 });
    expect(await told()).toEqual(['blocked 0–5 s, until 25 s: 429']);
    gate.now += 60 * SECOND;
    await report({ ...REFUSED, blockMs: 10_000 });
    expect(await told()).toEqual(['blocked 0–65 s, until 75 s, 2 times: 429']);
    gate.now += 11 * MINUTE;
    await report({ ...REFUSED, blockMs: 10_000 });
    expect(await told()).toEqual([
      'blocked 725 s, until 735 s: 429',
      'blocked 0–65 s, until 75 s, 2 times: 429',
    ]);
  });

  it('has one entry for an outage, whatever number of probes fail', async () => {
    await report(DOWN);
    for (const after of [2, 4]) {
      gate.now += after * SECOND;
      await report({}, 1);
      expect((await told())[0]).toBe(`half-open ${(gate.now - START_US) / SECOND} s`);
      await report({ ended: 1, failures: 1, durationMs: 10 }, 1);
    }
    expect(await told()).toEqual(['opened 0–6 s, until 14 s, 3 times']);
    gate.now += 8 * SECOND;
    await report({}, 1);
    await report({ ended: 1, ok: 1, durationMs: 10 });
    expect(await told()).toEqual([
      'closed 14 s',
      'half-open 14 s',
      'opened 0–6 s, until 14 s, 3 times',
    ]);
  });

  it('has what was learned, and the learned rate of each minute', async () => {
    await report(OK);
    await report({ ended: 10, ok: 9, refused: 1, durationMs: 100 });
    expect(await told()).toEqual(['slowed 0 s: 85.500']);
    for (let minute = 0; minute < 70; minute += 1) {
      gate.now += MINUTE;
      await report(OK);
      await report(OK);
    }
    const { rates, keptMs } = await gate.history();
    expect(rates).toHaveLength(60);
    expect(rates.at(-1)).toMatch(/^1800000660000 \d+\.\d{3}$/);
    // It outlives the hash by a little.
    expect(keptMs).toBeGreaterThan((await gate.look()).keptMs);
    expect(keptMs).toBeLessThan(2_500_000);
  });

  it('has that fewer fetches may be in flight', async () => {
    const waiting = 50;
    const batches = [{ batch: 'b', interval: 0, burst: 1, concurrency: 20 }];
    const call = { worker: 'w', held: 10, want: 0, waiting, lead: 0, batches };
    await gate.exchange(call, { ...NOTHING, ended: 100, timeouts: 100, durationMs: 100 });
    expect(await told()).toEqual(['narrowed 0 s: 88']);
  });

  it('is bounded, and expires with the state of an origin that nobody asks for', async () => {
    for (let round = 0; round < 60; round += 1) {
      await report(DOWN);
      await report({ ended: 1, ok: 1, durationMs: 10 });
    }
    expect(await told()).toHaveLength(50);
    const { keptMs } = await gate.history();
    expect(keptMs).toBeGreaterThan(1_800_000);
    expect(keptMs).toBeLessThanOrEqual(2_402_000);
  });

  it('stops no fetch where Redis holds something else in its place', async () => {
    const { events, rates } = gate.historyKeys;
    await redis.set(events, 'x');
    await redis.set(rates, 'x');
    await report({ ended: 10, ok: 9, refused: 1, durationMs: 100 });
    await report({ ...REFUSED, blockMs: 10_000 });
    await redis.del(events, rates);
    await redis.rpush(events, 'x', '99 x');
    gate.now += 20 * SECOND;
    await report({ ...REFUSED, blockMs: 10_000 });
    expect((await gate.history()).events).toHaveLength(3);
  });
});
