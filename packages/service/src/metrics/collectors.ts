import { withTimeout } from '../process/with-timeout.ts';

const TIMEOUT_MS = 2_000;

/** Sets gauges before a scrape. */
export type CollectFunction = () => Promise<void> | void;

/**
 * Calls the functions that set gauges before every scrape. A Redis that does not answer must not
 * take the metrics of its worker with it: a function that fails or takes longer than 2 s is counted
 * as an error, and the page is served without its gauges.
 */
export class Collectors {
  readonly #onError: () => void;
  readonly #functions: CollectFunction[] = [];

  constructor(onError: () => void) {
    this.#onError = onError;
  }

  add(collect: CollectFunction): void {
    this.#functions.push(collect);
  }

  async run(): Promise<void> {
    await Promise.all(this.#functions.map(async (collect) => this.#runOne(collect)));
  }

  async #runOne(collect: CollectFunction): Promise<void> {
    try {
      await withTimeout((async () => collect())(), {
        timeoutMs: TIMEOUT_MS,
        onTimeout: this.#onError,
      });
    } catch {
      this.#onError();
    }
  }
}
