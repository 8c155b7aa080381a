import { EXIT } from './errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a command sees of signals once it has something to put in order. */
export interface InterruptSignals {
  /** The first signal: finish what runs, then end. */
  readonly drain: AbortSignal;
  /** The second one: end now. */
  readonly force: AbortSignal;
}

/**
 * Signals in stages. A command that has nothing to put in order ends at once; one that has called `takeOver()` is asked by the first
 * signal, told by the second, and ended by the third. The exit status is 130 in any case.
 */
export class Interrupts {
  readonly #exit: (code: number) => void;
  readonly #drain = new AbortController();
  readonly #force = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#next(signal);
  #isTakenOver = false;

  /** @param exit ends the process */
  constructor(exit: (code: number) => void) {
    this.#exit = exit;
  }

  listen(): void {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  stop(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  /** From here on the command ends by itself when it is asked to. */
  takeOver(): InterruptSignals {
    this.#isTakenOver = true;
    return { drain: this.#drain.signal, force: this.#force.signal };
  }

  #next(signal: NodeJS.Signals): void {
    if (!this.#isTakenOver || this.#force.signal.aborted) {
      this.#exit(EXIT.interrupted);
    } else if (this.#drain.signal.aborted) {
      this.#force.abort(new InterruptedError(signal));
    } else {
      this.#drain.abort(new InterruptedError(signal));
    }
  }
}

/** The reason of an abort by signal. */
class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly code = 'INTERRUPTED';

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
  }
}

/** Whether work ended because a signal told it to. */
export function isInterruption(error: unknown): boolean {
  return (
    error instanceof InterruptedError ||
    (error instanceof Error && error.cause instanceof InterruptedError)
  );
}
