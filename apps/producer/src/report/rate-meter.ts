/** Fetches per second over the last seconds: what the progress line shows and the remaining time is guessed from. */
export class RateMeter {
  readonly #windowMs: number;
  #samples: { readonly atMs: number; readonly count: number }[] = [];

  /** @param windowMs how far back it looks. @default 5_000 */
  constructor(windowMs = 5_000) {
    this.#windowMs = windowMs;
  }

  add(atMs: number, count: number): void {
    this.#samples.push({ atMs, count });
    // One sample older than the window stays, so that the window is always covered.
    const first = this.#samples.findIndex((sample) => sample.atMs > atMs - this.#windowMs);
    if (first > 1) {
      this.#samples = this.#samples.slice(first - 1);
    }
  }

  get perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) {
      return 0;
    }
    return ((last.count - first.count) / (last.atMs - first.atMs)) * 1_000;
  }
}
