const TIMEOUT_MS = 2_000;

/** Fills in gauges before a scrape. The signal fires when the scrape no longer waits. */
export type CollectFunction = (signal: AbortSignal) => Promise<void> | void;

/**
 * What is asked for elsewhere at every scrape. A Redis that does not answer must not take the metrics of its worker with
 * it, least of all then: what fails or takes longer than 2 s is left out of the page and counted.
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
    await Promise.all(this.#functions.map((collect) => this.#runOne(collect)));
  }

  async #runOne(collect: CollectFunction): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      await Promise.race([collect(signal), rejectOnAbort(signal)]);
    } catch {
      this.#onError();
    }
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('collecting took too long')), {
      once: true,
    });
  });
}
