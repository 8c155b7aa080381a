/** All periods are multiples of this. */
const BEAT_MS = 1_000;

/** Calls `work` again and again. @returns stops it; may be called twice */
export type Every = (periodMs: number, work: () => void) => () => void;

interface Work {
  readonly beats: number;
  readonly run: () => void;
}

/**
 * The one timer of a process for all that is periodic and need not happen at a precise moment. What
 * is due at the same beat runs in one turn of the event loop, and its commands reach Redis in one
 * write: a process without work is cold, and waking it costs more than what it is woken for.
 *
 * The first call comes after a period or earlier. The timer keeps no process running.
 */
export class Beat {
  readonly #works = new Set<Work>();
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  /** Calls `work` in every period, which is a multiple of a second. */
  readonly every: Every = (periodMs, run) => {
    const work = { beats: Math.max(1, Math.round(periodMs / BEAT_MS)), run };
    this.#works.add(work);
    this.#timer ??= setInterval(() => this.#beat(), BEAT_MS).unref();
    return () => this.#remove(work);
  };

  #beat(): void {
    this.#count += 1;
    for (const { beats, run } of this.#works) {
      if (this.#count % beats === 0) {
        run();
      }
    }
  }

  #remove(work: Work): void {
    this.#works.delete(work);
    if (this.#works.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
