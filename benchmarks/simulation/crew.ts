import type { Scenario } from './scenario.ts';

/** A lock expires 10 s after its last renewal, every 3 s; a check every 4 s finds it expired. */
const RECOVERED_SECONDS = 8.5 + 2;

/** The workers that are alive, over time. */
export class Crew {
  alive: number;
  readonly #scenario: Pick<Scenario, 'deaths'>;
  readonly #replacements: number[] = [];
  #died = 0;

  constructor(scenario: Pick<Scenario, 'workers' | 'deaths'>) {
    this.alive = scenario.workers;
    this.#scenario = scenario;
  }

  /** When the fetches of a worker that dies now run again. */
  static recoveredAt(now: number): number {
    return now + RECOVERED_SECONDS;
  }

  /** Lets workers die and be replaced. @returns how many have died */
  advance(now: number): number {
    let deaths = 0;
    for (;;) {
      const next = this.#scenario.deaths[this.#died];
      if (next === undefined || next.at > now || this.alive === 0) {
        break;
      }
      this.#died += 1;
      this.alive -= 1;
      deaths += 1;
      this.#replacements.push(now + next.replacedAfter);
    }
    for (let at = this.#replacements.length - 1; at >= 0; at--) {
      if ((this.#replacements[at] ?? Infinity) <= now) {
        this.#replacements.splice(at, 1);
        this.alive += 1;
      }
    }
    return deaths;
  }
}
