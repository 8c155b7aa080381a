const CURRENT_WINDOW_MS = 3_000;
/** A longer window for estimates of the remaining time, so that they do not jump about. */
const STEADY_WINDOW_MS = 30_000;
/** The most values that fit side by side in a sparkline. */
const MAX_HISTORY = 120;

/** How fast a batch is, measured while it is watched. */
export class Pace {
  readonly #current = new RateMeter(CURRENT_WINDOW_MS);
  readonly #steady = new RateMeter(STEADY_WINDOW_MS);
  #history: number[] = [];
  #last: { readonly atMs: number; readonly settled: number } | undefined;

  add(atMs: number, settled: number): void {
    const last = this.#last;
    this.#current.add(atMs, settled);
    this.#steady.add(atMs, settled);
    if (last !== undefined && atMs > last.atMs) {
      const perSecond = Math.max(0, ((settled - last.settled) / (atMs - last.atMs)) * 1_000);
      this.#history = [...this.#history, perSecond].slice(-MAX_HISTORY);
    }
    this.#last = { atMs, settled };
  }

  /** Fetches per second over the last 3 seconds. */
  get perSecond(): number {
    return Math.max(0, this.#current.perSecond);
  }

  /** Fetches per second over the last 30 seconds. */
  get steadyPerSecond(): number {
    return Math.max(0, this.#steady.perSecond);
  }

  /** Whether the samples cover the last 30 seconds. */
  get isSteady(): boolean {
    return this.#steady.spanMs >= STEADY_WINDOW_MS;
  }

  /** Fetches per second between two samples, oldest first. */
  get history(): readonly number[] {
    return this.#history;
  }
}

/** Milliseconds until `left` fetches are done; undefined if nothing moves. */
export function remainingMs(left: number, perSecond: number): number | undefined {
  return perSecond > 0 ? (left / perSecond) * 1_000 : undefined;
}

/** The mean rate of a counter over a sliding window. */
class RateMeter {
  readonly #windowMs: number;
  #samples: { readonly atMs: number; readonly count: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(atMs: number, count: number): void {
    this.#samples.push({ atMs, count });
    // Keep one sample that is older than the window, so that the samples cover all of it.
    const first = this.#samples.findIndex((sample) => sample.atMs > atMs - this.#windowMs);
    if (first > 1) {
      this.#samples = this.#samples.slice(first - 1);
    }
  }

  /** Time between the first and the last sample. */
  get spanMs(): number {
    return (this.#samples.at(-1)?.atMs ?? 0) - (this.#samples[0]?.atMs ?? 0);
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
