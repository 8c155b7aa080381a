import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { freshFleet } from '../fixture.ts';
import {
  type Aftermath,
  type ModelExchange,
  type ModelReport,
  NOTHING,
  SimulatedGate,
} from './model-fleet.ts';

closeAfterEach();

const FREE = { interval: 0, burst: 1, concurrency: 0 };
const SLOWED = { ...FREE, interval: 20_000 };

/** Most steps are of a free origin; the others may make it one that is not, and back. */
const step = fc.record({
  waitUs: fc.oneof(
    fc.constantFrom(0, 999_999, 1_000_001, 12_000_001, 60_000_001, -1, -25e6, -600e6),
    fc.nat(50_000),
    fc.nat(2_000_000),
  ),
  worker: fc.constantFrom('w', 'w', 'w', 'v'),
  held: fc.constantFrom(0, 0, 1, 5),
  want: fc.constantFrom(0, 0, 1, 3),
  waiting: fc.constantFrom(0, 0, 3, 40),
  limits: fc.constantFrom(FREE, FREE, FREE, FREE, FREE, FREE, FREE, FREE, SLOWED),
  batches: fc.subarray(['a', 'b']),
  ended: fc.constantFrom(0, 1, 1, 6),
  durationMs: fc.constantFrom(0.25, 12.3456, 300, 9_000),
  trouble: fc.constantFrom<Partial<ModelReport>>(
    ...Array.from({ length: 20 }, () => ({})),
    { refused: 1 },
    { failures: 1, ok: 0 },
    { timeouts: 1, ok: 0 },
    { errors: 1, errorUrls: 1, ok: 0 },
    { blockMs: 50 },
    { ok: 0 },
  ),
  crawlDelay: fc.constantFrom(...Array.from({ length: 20 }, () => -1), 0, 5_000),
  set: fc.constantFrom(...Array.from({ length: 20 }, () => undefined), { concurrency: 2 }, {}),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Makes time pass and limits be set before the exchange of a step. */
async function prepare(gate: SimulatedGate, next: Step): Promise<ModelExchange> {
  const { worker, held, want, limits, ended, durationMs, trouble, crawlDelay } = next;
  gate.now += next.waitUs;
  if (next.set !== undefined) {
    await gate.set(next.set);
  }
  const batches = next.batches.map((batch) => ({ ...limits, batch }));
  const waiting = Math.max(want, next.waiting);
  const counts = { ended, ok: ended, durationMs: ended * durationMs };
  const report = ended === 0 ? NOTHING : { ...NOTHING, ...counts, ...trouble };
  const call = { worker, held, want, waiting, lead: 1_000, batches };
  return { gate, call, report, crawlDelay };
}

/** The clock of the test does not end the keys. */
function withoutTime({ keptMs, ...after }: Aftermath): Omit<Aftermath, 'keptMs'> {
  expect(keptMs === -2 || keptMs > 1_700_000).toBe(true);
  return after;
}

async function take(gate: SimulatedGate, next: Step): Promise<Omit<Aftermath, 'keptMs'>> {
  const { call, report, crawlDelay } = await prepare(gate, next);
  return withoutTime(await gate.exchange(call, report, crawlDelay));
}

describe('an exchange at a free origin', () => {
  it('answers and writes what the whole exchange would, whatever came before', async () => {
    const { redis } = await freshFleet();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const [short, whole] = [
          new SimulatedGate(redis),
          new SimulatedGate(redis, { isWhole: true }),
        ];
        for (const next of steps) {
          expect(await take(short, next)).toEqual(await take(whole, next));
        }
        await Promise.all([short.clear(), whole.clear()]);
      }),
      { numRuns: 150 },
    );
  });

  it('does the same at each of many origins of one call', async () => {
    const { redis } = await freshFleet();
    const some = fc.tuple(step, step, step);
    // A worker asks many origins the same, and has other things to report of each.
    const alike = some.map(([first, ...others]): [Step, Step, Step] => {
      const [b, c] = others.map(({ ended, durationMs, trouble }) => {
        return { ...first, ended, durationMs, trouble };
      });
      return [first, b ?? first, c ?? first];
    });
    const rounds = fc.array(fc.oneof(some, alike), { minLength: 1, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(rounds, async (steps) => {
        const origins = Array.from({ length: 3 }, () => ({
          short: new SimulatedGate(redis),
          whole: new SimulatedGate(redis, { isWhole: true }),
        }));
        for (const round of steps) {
          const exchanges: ModelExchange[] = [];
          const expected: Omit<Aftermath, 'keptMs'>[] = [];
          for (const [at, { short, whole }] of origins.entries()) {
            // Time passes at all of them alike.
            const next = { ...(round[at] ?? round[0]), waitUs: round[0].waitUs };
            exchanges.push(await prepare(short, next));
            expected.push(await take(whole, next));
          }
          const found = await SimulatedGate.exchangeAll(exchanges);
          expect(found.map(withoutTime)).toEqual(expected);
        }
        for (const { short, whole } of origins) {
          await Promise.all([short.clear(), whole.clear()]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('never leaves a hash that does not expire, even where the batch has left meanwhile', async () => {
    const { redis } = await freshFleet();
    for (const isWhole of [false, true]) {
      const gate = new SimulatedGate(redis, { isWhole });
      const batches = [{ ...FREE, batch: 'a' }];
      await gate.exchange({ worker: 'w', held: 0, want: 1, lead: 1_000, batches });
      await gate.leave({ batch: 'a' });
      const ended = { worker: 'w', held: 0, want: 0, lead: 1_000, batches: [] };
      const success = { ...NOTHING, ended: 1, ok: 1, durationMs: 10 };
      const { hash, keptMs } = await gate.exchange(ended, success);
      expect(hash).toMatchObject({ okNow: '1.000' });
      expect(keptMs).toBeGreaterThan(1_700_000);
      await gate.clear();
    }
  });
});
