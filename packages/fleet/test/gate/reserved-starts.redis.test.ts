import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { freshFleet } from '../fixture.ts';
import { SimulatedGate } from './model-fleet.ts';

closeAfterEach();

const LEAD = 1_000;
const RESERVE_US = 10_000;
const call = { held: 0, lead: LEAD, waiting: 500 };

describe('starts that are reserved', () => {
  it('keep the rate with all others, and are near', async () => {
    const { redis } = await freshFleet();
    const step = fc.record({
      worker: fc.constantFrom('w', 'v'),
      want: fc.nat(20),
      ahead: fc.nat(60),
      afterUs: fc.nat(30_000),
    });
    const limits = fc.record({
      interval: fc.constantFrom(10, 100, 900, 50_000),
      burst: fc.constantFrom(1, 5, 100),
    });
    const schedule = fc.array(step, { minLength: 1, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(limits, schedule, async ({ interval, burst }, steps) => {
        const gate = new SimulatedGate(redis);
        const slots: number[] = [];
        const batches = [{ batch: 'b', interval, burst, concurrency: 0 }];
        for (const { worker, want, ahead, afterUs } of steps) {
          gate.now += afterUs;
          const { reply, granted, firstUs, spacingUs, state } = await gate.exchange({
            ...call,
            worker,
            want,
            ahead,
            batches,
          });
          const { reserved = 0 } = reply;
          expect(reserved).toBeLessThanOrEqual(ahead);
          expect(state === 'open' || reserved === 0).toBe(true);
          for (let i = 0; i < granted + reserved; i += 1) {
            const inUs = firstUs + i * spacingUs;
            // The clock of the answer has whole microseconds.
            expect(i < granted || inUs <= LEAD + RESERVE_US + 1).toBe(true);
            slots.push(Math.max(gate.now + inUs, gate.now + LEAD));
          }
        }
        // GCRA: between a slot and the one burst + n later lie n intervals at least.
        slots.sort((a, b) => a - b);
        for (const [at, slot] of slots.entries()) {
          const before = slots[at - burst];
          const isApart = before === undefined || slot - before >= interval - slots.length;
          expect(isApart).toBe(true);
        }
        await gate.clear();
      }),
      { numRuns: 12 },
    );
  });

  it('are none where nothing limits the rate, or it is used up', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    const unlimited = [{ batch: 'b', interval: 0, burst: 1, concurrency: 0 }];
    const asked = { ...call, worker: 'w', want: 2, ahead: 10 };
    expect((await gate.exchange({ ...asked, batches: unlimited })).reply.reserved).toBeUndefined();
    const slow = [{ batch: 'b', interval: 1_000_000, burst: 1, concurrency: 0 }];
    const { reply, state } = await gate.exchange({ ...asked, batches: slow });
    expect([state, reply.reserved]).toEqual(['rate', undefined]);
    const unhurried = [{ batch: 'b', interval: 2_000, burst: 1, concurrency: 0 }];
    await gate.store({});
    expect((await gate.exchange({ ...asked, batches: unhurried })).reply.reserved).toBeUndefined();
    await gate.clear();
  });
});
