import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { freshFleet } from '../fixture.ts';
import { SimulatedGate } from './model-fleet.ts';

closeAfterEach();

const TICK_US = 50_000;
const SETTLE_US = 2_000_000;
const MEASURE_US = 3_000_000;
/** Long enough for all slices at a thousand starts a second. */
const DRAIN_US = 15_000_000;
const FETCHES = 20;

interface FakeSlice {
  readonly id: string;
  left: number;
  ticket: number;
}

interface FakeWorker {
  readonly name: string;
  /** Slices that wait here. */
  local: FakeSlice[];
  /** Those that the gate has not heard of. */
  arrivals: FakeSlice[];
}

/** What a batch is to the queue: of a stopped one, no slice can be claimed. */
interface FakeBatch {
  readonly name: string;
  isOpen: boolean;
  slices: number;
}

/**
 * Two workers that wait at one origin, their queue, and batches that people stop and start.
 * Whether anybody tells the gate what has happened is decided by `isTold`.
 */
class FakeFleet {
  readonly #gate: SimulatedGate;
  readonly #interval: number;
  readonly #delayed = new Map<string, FakeSlice>();
  readonly #workers: FakeWorker[];
  readonly #batches: readonly FakeBatch[] = ['a', 'b'].map((name) => ({
    name,
    isOpen: true,
    slices: 0,
  }));
  #limited: number;
  granted = 0;
  #names = 0;
  /** Answers that name slices and do not arrive. */
  #toLose = 0;

  constructor(gate: SimulatedGate, interval: number) {
    this.#gate = gate;
    this.#interval = interval;
    this.#limited = interval;
    this.#workers = [this.#newWorker(), this.#newWorker()];
  }

  /** Slices that nobody has woken. */
  get asleep(): readonly string[] {
    return [...this.#delayed.keys()];
  }

  get interval(): number {
    return this.#limited;
  }

  async add(name: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const batch = this.#batch(name);
      const id = `${name}.${batch.slices * FETCHES}`;
      batch.slices += 1;
      await this.#defer({ id, left: FETCHES, ticket: 0 });
    }
  }

  /** The batch is paused, cancelled or removed. Its slices are no longer queued. */
  async stop(name: string, isTold: boolean): Promise<void> {
    this.#batch(name).isOpen = false;
    const prefix = `${name}.`;
    const slices = [...this.#delayed.keys()].filter((id) => id.startsWith(prefix));
    for (const id of slices) {
      this.#delayed.delete(id);
    }
    for (const worker of this.#workers) {
      worker.local = worker.local.filter(({ id }) => !id.startsWith(prefix));
    }
    if (isTold) {
      await this.#gate.leave({ slices, batch: name });
    }
  }

  /** The batch is resumed or retried: with new tickets. */
  async start(name: string): Promise<void> {
    this.#batch(name).isOpen = true;
    await this.add(name, 5);
  }

  /** Slices of the batch are lost: a Redis that was restored, a bug. */
  lose(name: string): void {
    for (const id of [...this.#delayed.keys()].slice(0, 10)) {
      if (id.startsWith(`${name}.`)) {
        this.#delayed.delete(id);
      }
    }
  }

  /** The next answers that name slices do not arrive: connections break, or workers die. */
  async loseAnswers(count: number): Promise<void> {
    this.#toLose = count;
    while (this.#toLose > 0 && this.#delayed.size > 0) {
      await this.run(TICK_US);
    }
    this.#toLose = 0;
  }

  /** A worker dies. What it had is queued again when its claims have expired. */
  kill(): void {
    this.#workers.shift();
    this.#workers.push(this.#newWorker());
  }

  async limit(factor: number): Promise<void> {
    this.#limited = this.#interval * factor;
    await this.#gate.set({ interval: this.#limited });
  }

  async run(us: number): Promise<void> {
    const end = this.#gate.now + us;
    while (this.#gate.now < end) {
      this.#gate.now += TICK_US;
      for (const worker of this.#workers) {
        await this.#ask(worker);
      }
    }
  }

  async #ask(worker: FakeWorker): Promise<void> {
    const waiting = worker.local.reduce((sum, { left }) => sum + left, 0);
    const { reply, granted } = await this.#gate.exchange({
      worker: worker.name,
      held: 0,
      want: Math.min(50, waiting),
      waiting,
      lead: 500,
      arrivals: worker.arrivals.map(({ id, left }) => ({ slice: id, fetches: left })),
      batches: this.#batches
        .filter(({ name }) => worker.local.some(({ id }) => id.startsWith(`${name}.`)))
        .map(({ name }) => ({ batch: name, interval: this.#interval, burst: 1, concurrency: 0 })),
    });
    worker.arrivals = [];
    this.granted += granted;
    this.#use(worker, granted);
    const named = [...(reply.wakeSlices ?? []), ...(reply.overdueSlices ?? [])];
    if (named.length > 0 && this.#toLose > 0) {
      this.#toLose -= 1;
      return;
    }
    await this.#wake(worker, named);
    for (const batch of reply.silentBatches ?? []) {
      if (!this.#batch(batch).isOpen) {
        await this.#gate.leave({ batch });
      }
    }
  }

  async #wake(worker: FakeWorker, named: readonly string[]): Promise<void> {
    const gone: string[] = [];
    for (const id of named) {
      const slice = this.#delayed.get(id);
      if (slice === undefined) {
        gone.push(id);
      } else {
        this.#delayed.delete(id);
        worker.local.push(slice);
        worker.arrivals.push(slice);
      }
    }
    if (gone.length > 0) {
      await this.#gate.leave({ slices: gone });
    }
  }

  #use(worker: FakeWorker, granted: number): void {
    let left = granted;
    for (const slice of worker.local) {
      const used = Math.min(left, slice.left);
      slice.left -= used;
      left -= used;
    }
    worker.local = worker.local.filter((slice) => slice.left > 0);
  }

  async #defer(slice: FakeSlice): Promise<void> {
    const { ticket } = await this.#gate.defer(slice.id, slice.left, slice.ticket);
    this.#delayed.set(slice.id, { ...slice, ticket });
  }

  #batch(name: string): FakeBatch {
    const found = this.#batches.find((batch) => batch.name === name);
    if (found === undefined) {
      throw new Error(`no batch ${name}`);
    }
    return found;
  }

  #newWorker(): FakeWorker {
    return { name: `w-${this.#names++}`, local: [], arrivals: [] };
  }
}

const event = fc.oneof(
  fc.record({ stop: fc.constant('a'), isTold: fc.boolean() }),
  fc.record({ start: fc.constant('a') }),
  fc.record({ lose: fc.constant('a') }),
  fc.record({ kill: fc.constant(true) }),
  fc.record({ loseAnswers: fc.constantFrom(1, 3) }),
  fc.record({ limit: fc.constantFrom(0.5, 1, 2) }),
);

type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

async function apply(fleet: FakeFleet, next: Event): Promise<void> {
  if ('stop' in next) {
    return fleet.stop(next.stop, next.isTold);
  }
  if ('start' in next) {
    return fleet.start(next.start);
  }
  if ('limit' in next) {
    return fleet.limit(next.limit);
  }
  if ('loseAnswers' in next) {
    return fleet.loseAnswers(next.loseAnswers);
  }
  if ('lose' in next) {
    return fleet.lose(next.lose);
  }
  return fleet.kill();
}

describe('two batches at one origin', () => {
  it('use what the limits allow within 2 s, whatever happens to one of them', async () => {
    const { redis } = await freshFleet();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(20_000, 50_000),
        fc.array(event, { minLength: 1, maxLength: 4 }),
        async (interval, events) => {
          const gate = new SimulatedGate(redis);
          const fleet = new FakeFleet(gate, interval);
          await fleet.add('a', 40);
          await fleet.add('b', 100);
          await fleet.run(1_000_000);
          for (const next of events) {
            await apply(fleet, next);
            await fleet.run(SETTLE_US);
            const before = fleet.granted;
            await fleet.run(MEASURE_US);
            const allowed = MEASURE_US / fleet.interval;
            expect(fleet.granted - before).toBeGreaterThanOrEqual(0.9 * allowed);
            expect(fleet.granted - before).toBeLessThanOrEqual(allowed + 2);
          }
          await gate.set({ interval: 1_000 });
          await fleet.run(DRAIN_US);
          expect(fleet.asleep).toEqual([]);
          await gate.clear();
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe('a batch that has limits and has not asked for a second', () => {
  it('is named once a second while others wait, and its limits end when it leaves', async () => {
    const { redis } = await freshFleet();
    const gate = new SimulatedGate(redis);
    const limits = { interval: 10_000, burst: 1, concurrency: 0 };
    const strict = { ...limits, interval: 5_000_000, batch: 'strict' };
    const call = { worker: 'w', held: 0, want: 5, lead: 500 };
    const askB = async () =>
      (await gate.exchange({ ...call, batches: [{ ...limits, batch: 'b' }] })).reply;
    await gate.exchange({ ...call, worker: 'v', want: 0, batches: [strict] });
    gate.now += 900_000;
    expect((await askB()).silentBatches).toBeUndefined();
    gate.now += 200_000;
    expect(await askB()).toMatchObject({ silentBatches: ['strict'], paceUs: 5_000_000 });
    gate.now += 900_000;
    expect((await askB()).silentBatches).toBeUndefined();
    await gate.leave({ batch: 'strict' });
    gate.now += 200_000;
    const reply = await askB();
    expect(reply.silentBatches).toBeUndefined();
    expect(reply.paceUs).toBe(10_000);
    await gate.clear();
  });
});
