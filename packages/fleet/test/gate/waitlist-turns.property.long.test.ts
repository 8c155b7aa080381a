import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Redis } from 'ioredis';
import { freshFleet } from '../fixture.ts';
import { SimulatedGate } from './model-fleet.ts';
import { TurnsFleet } from './turns-fleet.ts';

closeAfterEach();

const INTERVAL_US = 20_000;
const WINDOW_US = 8_000_000;
/** Starts that the limit allows in a window. */
const ALLOWED = WINDOW_US / INTERVAL_US;
/** What workers hold at both ends of a window: fetches for a second, and slices that go beyond. */
const FEW_SLICES = 1_000_000 / INTERVAL_US + 2 * 50;
/**
 * Two batches have the same turns, give or take a slice. But one may have all that workers hold at
 * the start of a window, and the other all that they hold at its end: a second's fetches each time,
 * and a slice that goes beyond.
 */
const APART = 2 * (1_000_000 / INTERVAL_US + 50) + 50;
const BATCHES = ['a', 'b', 'c'];

async function setUp(losesEvery?: number) {
  const { redis } = await freshFleet();
  return fleetOf(redis, losesEvery);
}

async function fleetOf(redis: Redis, losesEvery?: number) {
  const gate = new SimulatedGate(redis);
  // A slice is deferred because of a limit, so the gate knows one by then.
  await gate.set({ interval: INTERVAL_US });
  return { gate, fleet: new TurnsFleet(gate, INTERVAL_US, losesEvery) };
}

async function flowsOf(gate: SimulatedGate): Promise<Record<string, string>> {
  const { hash } = await gate.look();
  return Object.fromEntries(Object.entries(hash).filter(([field]) => field.startsWith('flow:')));
}

const event = fc.oneof(
  { weight: 3, arbitrary: fc.record({ join: fc.constantFrom(...BATCHES) }) },
  { weight: 1, arbitrary: fc.record({ leave: fc.constantFrom(...BATCHES) }) },
);
const sizes = fc.record({
  slices: fc.integer({ min: 1, max: 60 }),
  fetches: fc.constantFrom(5, 20, 50),
});

describe('batches in the waitlist of an origin', () => {
  it('start as many fetches each while they wait, whoever joins, leaves and comes back', async () => {
    const { redis } = await freshFleet();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(event, sizes), { minLength: 2, maxLength: 5 }),
        async (steps) => {
          const { gate, fleet } = await fleetOf(redis);
          await fleet.join('a', 100, 50);
          await fleet.run(2_000_000);
          for (const [step, { slices, fetches }] of steps) {
            await ('join' in step
              ? fleet.join(step.join, slices, fetches)
              : fleet.leave(step.leave));
            const atFirst = fleet.waiting;
            const before = BATCHES.map((batch) => fleet.started(batch));
            await fleet.run(WINDOW_US);
            const starts = BATCHES.map((batch, i) => fleet.started(batch) - (before[i] ?? 0));
            const stillWaiting = fleet.waiting;
            const shares = starts.filter((_, i) => {
              const batch = BATCHES[i] ?? '';
              return atFirst.has(batch) && stillWaiting.has(batch);
            });
            const all = starts.reduce((a, b) => a + b);
            expect(shares.length === 0 ? ALLOWED : all).toBeGreaterThan(0.9 * ALLOWED);
            // Infinite where no batch waits all the time. One that does not has no more than those.
            expect(Math.max(...starts) - Math.min(...shares)).toBeLessThan(APART);
            expect(Object.keys(await flowsOf(gate)).toSorted()).toEqual(
              [...stillWaiting].map((batch) => `flow:${batch}`).toSorted(),
            );
          }
          for (const batch of BATCHES) {
            await fleet.leave(batch);
          }
          expect(await flowsOf(gate)).toEqual({});
          await gate.clear();
        },
      ),
      { numRuns: 8 },
    );
  });

  it('have a turn within a few slices when they join with one fetch', async () => {
    const { gate, fleet } = await setUp();
    await fleet.join('a', 200, 50);
    await fleet.run(3_000_000);
    const before = fleet.started('a');
    await fleet.join('b', 1, 1);
    while (fleet.started('b') === 0) {
      await fleet.run(50_000);
    }
    expect(fleet.started('a') - before).toBeLessThan(FEW_SLICES);
    await gate.clear();
  });

  it('get back no time that they did not wait for', async () => {
    const { gate, fleet } = await setUp();
    await fleet.join('a', 200, 50);
    await fleet.join('b', 1, 50);
    await fleet.run(20_000_000);
    expect(fleet.waiting).toEqual(new Set(['a']));
    const before = { a: fleet.started('a'), b: fleet.started('b') };
    await fleet.join('b', 100, 50);
    await fleet.run(WINDOW_US);
    const [ofA, ofB] = [fleet.started('a') - before.a, fleet.started('b') - before.b];
    expect(Math.abs(ofA - ofB)).toBeLessThan(FEW_SLICES);
    await gate.clear();
  });

  it('come when a limit is raised, although every third answer that names slices is lost', async () => {
    const { gate, fleet } = await setUp(3);
    await gate.set({ interval: 600e6 });
    await fleet.join('a', 20, 50);
    await fleet.join('b', 20, 50);
    await gate.set({ interval: INTERVAL_US });
    await fleet.run(20_000_000);
    expect(Math.abs(fleet.started('a') - fleet.started('b'))).toBeLessThan(APART);
    await fleet.run(100_000_000);
    expect(fleet.waiting).toEqual(new Set());
    expect(fleet.returned).toBe(0);
    expect(await flowsOf(gate)).toEqual({});
    await gate.clear();
  });

  it('come back in vain once at most for a batch that joins', async () => {
    const { gate, fleet } = await setUp();
    await fleet.join('a', 60, 50);
    await fleet.run(1_000_000);
    await fleet.join('b', 60, 50);
    const before = { a: fleet.started('a'), b: fleet.started('b') };
    await fleet.run(60_000_000);
    const [ofA, ofB] = [fleet.started('a') - before.a, fleet.started('b') - before.b];
    expect(Math.abs(ofA - ofB)).toBeLessThan(FEW_SLICES);
    expect(fleet.returned).toBeLessThanOrEqual(60);
    await gate.clear();
  });
});
