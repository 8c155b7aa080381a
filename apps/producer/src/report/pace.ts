import { RateMeter } from './rate-meter.ts';

/** As many as are drawn side by side, at most. */
const HISTORY = 120;

/** How fast a batch is, from what was seen of it while it was watched. */
export class Pace {
  readonly #now = new RateMeter(3_000);
  /** What remains is guessed from a longer time: an estimate that jumps about is none. */
  readonly #steady = new RateMeter(30_000);
  #history: number[] = [];
  #last: { readonly atMs: number; readonly settled: number } | undefined;

  add(atMs: number, settled: number): void {
    const last = this.#last;
    this.#now.add(atMs, settled);
    this.#steady.add(atMs, settled);
    if (last !== undefined && atMs > last.atMs) {
      const perSecond = Math.max(0, ((settled - last.settled) / (atMs - last.atMs)) * 1_000);
      this.#history = [...this.#history, perSecond].slice(-HISTORY);
    }
    this.#last = { atMs, settled };
  }

  /** Fetches per second, over three seconds. */
  get perSecond(): number {
    return Math.max(0, this.#now.perSecond);
  }

  /** Fetches per second, over thirty seconds. */
  get steadyPerSecond(): number {
    return Math.max(0, this.#steady.perSecond);
  }

  /** Fetches per second between one look and the next, the latest last. */
  get history(): readonly number[] {
    return this.#history;
  }
}

/** Milliseconds until the rest is fetched; undefined where nothing moves. */
export function remainingMs(left: number, perSecond: number): number | undefined {
  return perSecond > 0 ? (left / perSecond) * 1_000 : undefined;
}
