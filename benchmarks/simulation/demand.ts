import { MICROS } from './scenario.ts';

export interface Capacity {
  readonly slots: number;
  readonly workerCores: number;
  readonly redisCores: number;
}

/** What all origins together want of one step, and what that costs. */
export class Demand {
  readonly #shards: Float64Array;
  fetches = 0;
  slotSeconds = 0;
  workerSeconds = 0;

  /** @param shards instances of Redis */
  constructor(shards: number) {
    this.#shards = new Float64Array(shards);
  }

  clear(): void {
    this.fetches = 0;
    this.slotSeconds = 0;
    this.workerSeconds = 0;
    this.#shards.fill(0);
  }

  /** @param costs CPU time in microseconds of all these fetches */
  add(
    fetches: number,
    latency: number,
    shard: number,
    costs: { readonly worker: number; readonly redis: number },
  ): void {
    this.fetches += fetches;
    this.slotSeconds += fetches * latency;
    this.workerSeconds += costs.worker / MICROS;
    this.#shards[shard] = (this.#shards[shard] ?? 0) + costs.redis / MICROS;
  }

  /** Seconds of CPU of the busiest instance of Redis, and of all. */
  get busiest(): number {
    return this.#shards.reduce((most, load) => Math.max(most, load), 0);
  }

  get redisSeconds(): number {
    return this.#shards.reduce((sum, load) => sum + load, 0);
  }

  /**
   * How often this exceeds what there is: 1 or less if all can be had.
   *
   * @param there fetches that may be in flight; cores that all workers and that each instance of
   *   Redis have for fetches
   */
  overload(there: Capacity, seconds: number): number {
    const { slots, workerCores, redisCores } = there;
    return Math.max(
      ratio(this.slotSeconds, slots * seconds),
      ratio(this.workerSeconds, workerCores * seconds),
      ratio(this.busiest, redisCores * seconds),
    );
  }
}

function ratio(wanted: number, there: number): number {
  return wanted === 0 ? 0 : wanted / Math.max(0, there);
}
