import type { Outcome } from '@fetchfleet/crawl';
import type { Instruments } from './instruments.ts';

/**
 * Counts settled fetches until the next scrape. Finding the series of a counter by its labels costs
 * more than counting, so it is done once per scrape and not once per fetch.
 */
export class FetchCounts {
  readonly #instruments: Pick<Instruments, 'fetches' | 'receivedBytes'>;
  readonly #counts = new Map<string, Partial<Record<Outcome, number>>>();
  #bytes = 0;

  constructor(instruments: Pick<Instruments, 'fetches' | 'receivedBytes'>) {
    this.#instruments = instruments;
  }

  /** @param origin the value of the label, already bounded */
  add(origin: string, outcome: Outcome, bytes: number): void {
    let counts = this.#counts.get(origin);
    if (counts === undefined) {
      counts = {};
      this.#counts.set(origin, counts);
    }
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    this.#bytes += bytes;
  }

  /** Adds the counts to the counters; call it before these are read. */
  flush(): void {
    const { fetches, receivedBytes } = this.#instruments;
    for (const [origin, counts] of this.#counts) {
      for (const [outcome, count] of Object.entries(counts)) {
        fetches.inc({ outcome, origin }, count);
      }
    }
    receivedBytes.inc(this.#bytes);
    this.#counts.clear();
    this.#bytes = 0;
  }
}
