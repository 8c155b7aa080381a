/** Wrong tokens that one address may send within a minute, and all addresses together. */
const MAX_PER_ADDRESS = 5;
const MAX_IN_ALL = 60;
const WINDOW_MS = 60_000;

/** Counts wrong tokens. Whoever has sent too many has to wait, also with the right one. */
export class Tries {
  readonly #now: () => number;
  #failures: { readonly at: number; readonly address: string }[] = [];

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds until this address may try again; 0 if it may. */
  waitMs(address: string): number {
    const now = this.#now();
    this.#failures = this.#failures.filter(({ at }) => now - at < WINDOW_MS);
    const own = this.#failures.filter((one) => one.address === address);
    const blocking = [
      own.at(-MAX_PER_ADDRESS)?.at ?? -Infinity,
      this.#failures.at(-MAX_IN_ALL)?.at ?? -Infinity,
    ];
    return Math.max(0, Math.max(...blocking) + WINDOW_MS - now);
  }

  failed(address: string): void {
    this.#failures.push({ at: this.#now(), address });
  }
}
