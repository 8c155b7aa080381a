import type { Scenario } from './scenario.ts';

/**
 * When fetches are enqueued: all at the beginning, or in batches. The batches of the origins come
 * evenly, in the order of the origins, as schedules of many users do.
 */
export class Arrivals {
  readonly #scenario: Scenario;
  /** Batches that have come. */
  #given = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  get isOver(): boolean {
    return this.#given >= this.#scenario.origins.fetches.length * this.#scenario.rounds;
  }

  /** Hands out all batches that begin before a moment. */
  until(end: number, take: (origin: number, fetches: number) => void): void {
    const { periodSeconds, rounds, origins } = this.#scenario;
    const count = origins.fetches.length;
    const all = count * rounds;
    const due = periodSeconds === 0 ? all : Math.min(all, (end / periodSeconds) * count);
    for (; this.#given < due; this.#given++) {
      const origin = this.#given % count;
      const round = Math.floor(this.#given / count);
      const whole = origins.fetches[origin] ?? 0;
      // Differences of rounded sums: all rounds together have exactly all fetches.
      const fetches =
        Math.floor((whole * (round + 1)) / rounds) - Math.floor((whole * round) / rounds);
      if (fetches > 0) {
        take(origin, fetches);
      }
    }
  }
}
