import { EXIT } from './errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How signals reach a command that has something to finish before it ends. */
export interface InterruptSignals {
  /** Aborts with the first signal: finish running work, then end. */
  readonly drain: AbortSignal;
  /** Aborts with the second signal: end now. */
  readonly force: AbortSignal;
}

/**
 * Handles signals in stages. A command that has nothing to finish ends at once. After `takeOver()`,
 * the first signal aborts `drain`, the second one `force`, and the third one ends the process. The
 * exit status is always 130.
 */
export class Interrupts {
  readonly #exit: (code: number) => void;
  readonly #drain = new AbortController();
  readonly #force = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#handle(signal);
  #isTakenOver = false;

  /** @param exit ends the process */
  constructor(exit: (code: number) => void) {
    this.#exit = exit;
  }

  listen(): void {
    for (const signal of SIGNALS) {
      process.on(signal, this.#onSignal);
    }
  }

  stop(): void {
    for (const signal of SIGNALS) {
      process.off(signal, this.#onSignal);
    }
  }

  /** From here on the command watches these signals and ends by itself. */
  takeOver(): InterruptSignals {
    this.#isTakenOver = true;
    return { drain: this.#drain.signal, force: this.#force.signal };
  }

  #handle(signal: NodeJS.Signals): void {
    if (!this.#isTakenOver || this.#force.signal.aborted) {
      this.#exit(EXIT.interrupted);
    } else if (this.#drain.signal.aborted) {
      this.#force.abort(new InterruptedError(signal));
    } else {
      this.#drain.abort(new InterruptedError(signal));
    }
  }
}

/** The reason of an abort by a signal. */
class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly code = 'INTERRUPTED';

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
  }
}

/** Whether work ended because of a signal. */
export function isInterruption(error: unknown): boolean {
  return (
    error instanceof InterruptedError ||
    (error instanceof Error && error.cause instanceof InterruptedError)
  );
}
