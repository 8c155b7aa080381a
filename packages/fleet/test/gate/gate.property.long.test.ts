import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { freshFleet } from '../fixture.ts';
import { type Ask, Crew } from './model-crew.ts';
import { SimulatedGate } from './model-fleet.ts';
import { busiest, HORIZON_US, type ModelLimits } from './model.ts';

closeAfterEach();

const WORKERS = 3;
const FREE: ModelLimits = { interval: 0, burst: 1, concurrency: 0 };

const limits: fc.Arbitrary<ModelLimits> = fc.record({
  interval: fc.constantFrom(0, 0, 700, 20_000, 50_000.5, 333_333.333, 2_000_000, 90_000_000),
  burst: fc.constantFrom(1, 1, 2, 10),
  concurrency: fc.constantFrom(0, 1, 4, 16, 100),
});

const ask: fc.Arbitrary<Ask> = fc.record({
  worker: fc.nat(WORKERS - 1),
  want: fc.constantFrom(0, 1, 3, 20, 50),
  endedPercent: fc.constantFrom(0, 20, 50, 100, 100),
  ending: fc.constantFrom(
    'ok',
    'some-refused',
    'refused',
    'failed',
    'timeout',
    'error',
    'error',
    'same-error',
    'unsaid',
  ),
  durationMs: fc.constantFrom(0, 1, 30, 400, 20_000),
  blockMs: fc.constantFrom(0, 50, 5_000, 3_600_000),
  lead: fc.constantFrom(500, 2_000, 40_000, 500_000),
  crawlDelay: fc.constantFrom(-1, -1, -1, -1, 0, 1_000_000),
  batches: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 2 }),
});

/** Microseconds. */
const wait = fc.oneof(
  fc.constantFrom(0, 1, 50_000, 1_000_001),
  fc.nat(100_000),
  fc.nat(3_000_000),
  fc.nat(70_000_000),
);

/** Steps of a fleet as data, so that a counterexample is readable. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ask }) },
  { weight: 3, arbitrary: fc.record({ wait }) },
  { weight: 1, arbitrary: fc.record({ die: fc.nat(WORKERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ setBack: fc.constantFrom(1, 40_000, 25e6, 600e6) }) },
  { weight: 1, arbitrary: fc.record({ set: fc.oneof(fc.constant({}), limits) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(crew: Crew, next: Step): Promise<void> {
  if ('ask' in next) {
    return crew.ask(next.ask);
  }
  if ('wait' in next) {
    return crew.wait(next.wait);
  }
  if ('setBack' in next) {
    return crew.setBack(next.setBack);
  }
  if ('set' in next) {
    return crew.set(next.set);
  }
  crew.die(next.die);
}

describe('any sequence of exchanges', () => {
  it('is answered as by the model, never beyond a limit, a block or the one probe', async () => {
    const { redis } = await freshFleet();
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(limits, limits, limits),
        fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
        async (batches, steps) => {
          const gate = new SimulatedGate(redis);
          const crew = new Crew(gate, batches, WORKERS);
          for (const next of steps) {
            await take(crew, next);
          }
          compared += crew.compared;
          await gate.clear();
        },
      ),
      { numRuns: 200 },
    );
    expect(compared).toBeGreaterThan(1_000);
  });
});

const turn = fc.record({
  worker: fc.nat(WORKERS - 1),
  want: fc.constantFrom(1, 2, 10, 50),
  lead: fc.constantFrom(500, 5_000, 40_000, 500_000),
  waitUs: fc.oneof(fc.nat(2_000), fc.nat(50_000), fc.nat(400_000), fc.constant(3_000_000)),
  /** How far the clock of Redis is set back. */
  setBackUs: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(1_000, 500_000, 25e6, 600e6) },
  ),
});

describe('promised starts', () => {
  it('are never more than the rate and the burst allow in any second', async () => {
    const { redis } = await freshFleet();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0.5, 5, 50, 500, 2_000),
        fc.constantFrom(1, 2, 10),
        fc.array(turn, { minLength: 10, maxLength: 60, size: 'max' }),
        async (rate, burst, turns) => {
          const gate = new SimulatedGate(redis);
          const batches = [{ ...FREE, interval: 1e6 / rate, burst, batch: 'b' }];
          const instants: number[] = [];
          let setBackUs = 0;
          for (const { worker, want, lead, waitUs, ...turnOf } of turns) {
            gate.now += waitUs - turnOf.setBackUs;
            setBackUs += turnOf.setBackUs;
            const call = { worker: `w-${worker}`, held: 0, want, lead, batches };
            const { granted, firstUs, spacingUs } = await gate.exchange(call);
            for (let i = 0; i < granted; i++) {
              instants.push(gate.now + setBackUs + Math.max(lead, firstUs + i * spacingUs));
            }
          }
          await gate.clear();
          expect(busiest(instants, 1e6)).toBeLessThanOrEqual(rate + burst);
          expect(busiest(instants, 10e6)).toBeLessThanOrEqual(rate * 10 + burst);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('use 97 % of the rate while there is a backlog', async () => {
    const { redis } = await freshFleet();
    for (const rate of [5, 50, 500]) {
      const gate = new SimulatedGate(redis);
      const batches = [{ ...FREE, interval: 1e6 / rate, batch: 'b' }];
      const end = gate.now + 10e6;
      let granted = 0;
      while (gate.now < end) {
        const call = { worker: 'w', held: 0, want: 50, lead: 1_000, batches };
        const answer = await gate.exchange(call);
        granted += answer.granted;
        gate.now += Math.max(1_000, answer.reply.againUs ?? 0);
      }
      expect(granted).toBeGreaterThanOrEqual(rate * 10 * 0.97);
      await gate.clear();
    }
  });

  it('are spaced by the new limit as soon as it is raised', async () => {
    const { redis } = await freshFleet();
    const interval = fc.constantFrom(1_000, 50_000, 1e6, 60e6, 3_600e6);
    const arbitrary = fc.tuple(interval, interval, fc.nat(1e6), fc.constantFrom(1, 10));
    await fc.assert(
      fc.asyncProperty(arbitrary, async ([one, other, waitUs, burst]) => {
        const gate = new SimulatedGate(redis);
        const call = { worker: 'w', held: 0, want: 50, lead: 1_000, batches: [] };
        const slow = Math.max(one, other);
        const fast = Math.min(one, other);
        await gate.set({ interval: slow, burst });
        await gate.exchange(call);
        gate.now += waitUs;
        await gate.set({ interval: fast, burst });
        const { firstUs } = await gate.exchange(call);
        gate.now += Math.max(firstUs, 0) + fast * 1.02 + HORIZON_US;
        expect(firstUs).toBeLessThanOrEqual((burst + 1) * fast * 1.02 + HORIZON_US);
        expect((await gate.exchange(call)).granted).toBeGreaterThan(0);
        await gate.clear();
      }),
      { numRuns: 40 },
    );
  });

  it('keep the limit of a batch that asks rarely, because its turns are far apart', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    const strict = { ...FREE, interval: 120e6, batch: 'strict' };
    const free = { ...FREE, batch: 'free' };
    const call = { held: 0, want: 50, lead: 1_000 };
    await gate.exchange({ ...call, worker: 'a', batches: [strict] });
    gate.now += 119e6;
    expect((await gate.exchange({ ...call, worker: 'b', batches: [free] })).granted).toBe(0);
    await gate.clear();
  });
});

describe('after the clock of Redis was set back', () => {
  it('nothing waits longer than it could have waited before', async () => {
    const { redis } = await freshFleet();
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(limits, limits, limits),
        fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
        fc.constantFrom(1_000_000, 25e6, 3_600e6),
        async (batches, steps, setBackUs) => {
          const gate = new SimulatedGate(redis);
          const crew = new Crew(gate, batches, WORKERS);
          for (const next of steps) {
            await take(crew, next);
          }
          const { hash } = await gate.look();
          const until = Math.max(Number(hash['blockedUntil'] ?? 0), Number(hash['openUntil'] ?? 0));
          const closedFor = Math.max(0, until - gate.now);
          await gate.set({ interval: 1e6, burst: 2, concurrency: 1 });
          gate.now -= setBackUs;
          const since = gate.now;
          const call = { worker: 'new', held: 0, want: 1, lead: 500, batches: [] };
          for (;;) {
            const { granted, reply } = await gate.exchange(call);
            if (granted > 0) {
              break;
            }
            // Leases, slots of a crawl delay or a learned rate, and what closes the origin.
            expect(gate.now - since).toBeLessThan(closedFor + 300e6 + 12e6 + 40e6);
            gate.now += Math.max(1e6, reply.againUs ?? 0);
          }
          await gate.clear();
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the forecast for deferred slices', () => {
  it('grows with the ticket, and deferring again keeps the ticket', async () => {
    const { redis } = await freshFleet();
    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 20 }),
        fc.array(fc.nat(3_000_000), { maxLength: 10 }),
        async (given, counts, pauses) => {
          const gate = new SimulatedGate(redis);
          const call = { worker: 'w', held: 0, lead: 1_000, batches: [{ ...given, batch: 'b' }] };
          await gate.exchange({ ...call, want: 1 });
          const tickets: number[] = [];
          for (const [at, count] of counts.entries()) {
            tickets.push((await gate.defer(`b.${at}`, count)).ticket);
          }
          const inOrder = counts.map((_, at) => counts.slice(0, at + 1).reduce((a, b) => a + b));
          expect(tickets).toEqual(inOrder);
          for (const pause of pauses) {
            gate.now += pause;
            await gate.exchange({ ...call, want: 3 });
          }
          const forecasts: number[] = [];
          for (const [at, own] of tickets.entries()) {
            const { ticket, dueInMs } = await gate.defer(`b.${at}`, 1, own);
            expect(ticket).toBe(own);
            forecasts.push(dueInMs);
          }
          expect(forecasts.every((dueInMs) => Number.isSafeInteger(dueInMs) && dueInMs >= 0)).toBe(
            true,
          );
          expect(forecasts).toEqual(forecasts.toSorted((a, b) => a - b));
          expect((await gate.look()).keptMs).toBeGreaterThan(Math.max(...forecasts));
          await gate.clear();
        },
      ),
      { numRuns: 40 },
    );
  });
});
