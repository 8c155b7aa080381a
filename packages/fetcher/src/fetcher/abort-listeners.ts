/** Something that can be cancelled. */
export interface Abortable {
  abort(reason: unknown): void;
}

/**
 * Adds one listener to a signal for all the fetches that share it. A worker gives every fetch of a
 * slice the same signal, and `addEventListener` compares a new listener with all that are there.
 */
export class AbortListeners {
  readonly #listeners = new WeakMap<AbortSignal, Set<Abortable>>();

  add(signal: AbortSignal, abortable: Abortable): void {
    const listeners = this.#listeners.get(signal) ?? this.#listen(signal);
    listeners.add(abortable);
  }

  remove(signal: AbortSignal, abortable: Abortable): void {
    this.#listeners.get(signal)?.delete(abortable);
  }

  #listen(signal: AbortSignal): Set<Abortable> {
    const listeners = new Set<Abortable>();
    this.#listeners.set(signal, listeners);
    const abortAll = () => {
      for (const abortable of listeners) {
        abortable.abort(signal.reason);
      }
    };
    signal.addEventListener('abort', abortAll, { once: true });
    return listeners;
  }
}
