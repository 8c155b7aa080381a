import type { SimulatedGate } from './model-fleet.ts';

const TICK_US = 50_000;
/** How much later than forecast a deferred slice comes back by itself. */
const SLACK = 1.1;
const SLACK_US = 5_000_000;

interface DeferredSlice {
  readonly id: string;
  readonly batch: string;
  left: number;
  readonly ticket: number;
  readonly dueAt: number;
}

interface TurnsWorker {
  readonly name: string;
  /** Slices that wait here; the batches in the order of their turns. */
  readonly batches: Map<string, DeferredSlice[]>;
  arrivals: DeferredSlice[];
}

/**
 * Two workers at one origin, and batches that come and go. All slices are deferred, are woken by
 * the gate or come back by themselves, and start as slices in a worker do: a fetch of each batch in
 * turn.
 */
export class TurnsFleet {
  readonly #gate: SimulatedGate;
  readonly #interval: number;
  readonly #deferred = new Map<string, DeferredSlice>();
  readonly #workers: readonly TurnsWorker[] = ['w-0', 'w-1'].map((name) => ({
    name,
    batches: new Map(),
    arrivals: [],
  }));
  readonly #started = new Map<string, number>();
  #slices = 0;
  #returned = 0;
  #named = 0;

  readonly #losesEvery: number;

  /**
   * @param interval between two starts, in µs
   * @param losesEvery which of the answers that name slices do not arrive. @default none
   */
  constructor(gate: SimulatedGate, interval: number, losesEvery = Infinity) {
    this.#gate = gate;
    this.#interval = interval;
    this.#losesEvery = losesEvery;
  }

  /** Slices that came back by themselves. */
  get returned(): number {
    return this.#returned;
  }

  /** Batches with slices in the waitlist. */
  get waiting(): ReadonlySet<string> {
    return new Set([...this.#deferred.values()].map(({ batch }) => batch));
  }

  /** Fetches of a batch that have started. */
  started(batch: string): number {
    return this.#started.get(batch) ?? 0;
  }

  async join(batch: string, slices: number, fetches: number): Promise<void> {
    for (let i = 0; i < slices; i += 1) {
      const id = `${batch}.${this.#slices++}`;
      await this.#defer({ id, batch, left: fetches, ticket: 0, dueAt: 0 });
    }
  }

  /** The batch is paused, cancelled or removed. */
  async leave(batch: string): Promise<void> {
    const slices = [...this.#deferred.values()].filter((slice) => slice.batch === batch);
    for (const { id } of slices) {
      this.#deferred.delete(id);
    }
    for (const worker of this.#workers) {
      worker.batches.delete(batch);
    }
    await this.#gate.leave({ batch });
    await this.#gate.leave({ slices: slices.map(({ id }) => id) });
  }

  async run(us: number): Promise<void> {
    const end = this.#gate.now + us;
    while (this.#gate.now < end) {
      this.#gate.now += TICK_US;
      this.#returnDue();
      for (const worker of this.#workers) {
        await this.#ask(worker);
      }
    }
  }

  async #ask(worker: TurnsWorker): Promise<void> {
    const local = [...worker.batches.values()].flat();
    const waiting = local.reduce((sum, { left }) => sum + left, 0);
    const { reply, granted } = await this.#gate.exchange({
      worker: worker.name,
      held: 0,
      want: Math.min(50, waiting),
      waiting,
      lead: 500,
      arrivals: worker.arrivals.map(({ id, left }) => ({ slice: id, fetches: left })),
      batches: [...worker.batches.keys()].map((batch) => ({
        batch,
        interval: this.#interval,
        burst: 1,
        concurrency: 0,
      })),
    });
    worker.arrivals = [];
    for (const id of reply.early ?? []) {
      await this.#deferAgain(worker, id);
    }
    for (let i = 0; i < granted; i += 1) {
      this.#startNext(worker);
    }
    const named = [...(reply.wakeSlices ?? []), ...(reply.overdueSlices ?? [])];
    if (named.length > 0 && ++this.#named % this.#losesEvery === 0) {
      return;
    }
    for (const id of named) {
      this.#arrive(worker, id);
    }
  }

  #startNext(worker: TurnsWorker): void {
    const [next] = worker.batches;
    const slice = next?.[1][0];
    if (next === undefined || slice === undefined) {
      throw new Error('a start was granted, and nothing waits');
    }
    const [batch, slices] = next;
    slice.left -= 1;
    this.#started.set(batch, this.started(batch) + 1);
    if (slice.left === 0) {
      slices.shift();
    }
    worker.batches.delete(batch);
    if (slices.length > 0) {
      worker.batches.set(batch, slices);
    }
  }

  async #deferAgain(worker: TurnsWorker, id: string): Promise<void> {
    for (const [batch, slices] of worker.batches) {
      const slice = slices.find((one) => one.id === id);
      const others = slices.filter((one) => one !== slice);
      if (others.length === 0) {
        worker.batches.delete(batch);
      } else {
        worker.batches.set(batch, others);
      }
      if (slice !== undefined) {
        await this.#defer(slice);
      }
    }
  }

  #returnDue(): void {
    const due = [...this.#deferred.values()].filter(({ dueAt }) => dueAt <= this.#gate.now);
    for (const { id } of due) {
      const worker = this.#workers[this.#returned++ % 2];
      if (worker !== undefined) {
        this.#arrive(worker, id);
      }
    }
  }

  #arrive(worker: TurnsWorker, id: string): void {
    const slice = this.#deferred.get(id);
    if (slice !== undefined) {
      this.#deferred.delete(id);
      worker.arrivals.push(slice);
      worker.batches.set(slice.batch, [...(worker.batches.get(slice.batch) ?? []), slice]);
    }
  }

  async #defer(slice: DeferredSlice): Promise<void> {
    const { ticket, dueInMs } = await this.#gate.defer(slice.id, slice.left, slice.ticket);
    if (slice.ticket > 0 && ticket !== slice.ticket) {
      throw new Error(`${slice.id} had ticket ${slice.ticket}, and now ${ticket}`);
    }
    const dueAt = this.#gate.now + dueInMs * 1000 * SLACK + SLACK_US;
    this.#deferred.set(slice.id, { ...slice, ticket, dueAt });
  }
}
