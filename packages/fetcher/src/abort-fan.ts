/** Something that ends when its signal aborts. */
export interface Abortable {
  abort(reason: unknown): void;
}

/**
 * One listener on a signal for all the fetches that share it. A worker gives every fetch the same
 * signal, and adding a listener to an AbortSignal compares it with every one that is there already.
 */
export class AbortFan {
  readonly #waiting = new WeakMap<AbortSignal, Set<Abortable>>();

  add(signal: AbortSignal, abortable: Abortable): void {
    const waiting = this.#waiting.get(signal) ?? this.#listen(signal);
    waiting.add(abortable);
  }

  remove(signal: AbortSignal, abortable: Abortable): void {
    this.#waiting.get(signal)?.delete(abortable);
  }

  #listen(signal: AbortSignal): Set<Abortable> {
    const waiting = new Set<Abortable>();
    this.#waiting.set(signal, waiting);
    const abortAll = () => {
      for (const abortable of waiting) {
        abortable.abort(signal.reason);
      }
    };
    signal.addEventListener('abort', abortAll, { once: true });
    return waiting;
  }
}
