import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../fleet/world.ts';
import { nowEpochMs } from '../model/timeline.ts';
import type { Arrived, Ended } from '../origin/origin-messages.ts';

const SAMPLE_MS = 250;

interface Wait {
  readonly from: number;
  readonly to: number;
  /** For how long a process was without a CPU that it wanted, in ms. */
  readonly ms: number;
}

/** What was seen of a run since the last round: requests, and how late the machine was. */
export class Observer {
  arrivals: Arrived[] = [];
  ends = new Map<number, Ended>();
  /** All requests of the run. */
  requests = 0;
  #waits: Wait[] = [];
  #isOver = false;
  #running: Promise<void> = Promise.resolve();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  start(): void {
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Asks the origins for what is new. */
  async read(): Promise<void> {
    const { arrivals, ends, stalls } = await this.#world.origins.report();
    this.arrivals.push(...arrivals);
    this.requests += arrivals.length;
    for (const end of ends) {
      this.ends.set(end[0], end);
    }
    this.#waits.push(...stalls.map(([from, to]) => ({ from, to, ms: to - from })));
  }

  forget(): void {
    this.arrivals = [];
    this.ends = new Map();
    this.#waits = [];
  }

  /** For how long requests may have been held up between two times: see `rateExcesses`. */
  readonly lateness = (from: number, to: number): number =>
    this.#waits
      .filter((wait) => wait.from < to && wait.to > from)
      .reduce((sum, { ms }) => sum + ms, 0);

  async #watch(): Promise<void> {
    let before = new Map<number, number>();
    let last = nowEpochMs();
    while (!this.#isOver) {
      await sleep(SAMPLE_MS);
      const at = nowEpochMs();
      const now = this.#waitedByPid();
      const worst = Math.max(0, ...[...now].map(([pid, ms]) => ms - (before.get(pid) ?? ms)));
      if (worst > 1) {
        this.#waits.push({ from: last, to: at, ms: worst });
      }
      before = now;
      last = at;
      await this.read();
    }
  }

  #waitedByPid(): Map<number, number> {
    return new Map(
      this.#world.slots.flatMap((slot) => {
        const waitedMs = slot.footprint()?.waitedMs;
        return waitedMs === undefined || slot.pid === undefined ? [] : [[slot.pid, waitedMs]];
      }),
    );
  }
}
