import { PassThrough } from 'node:stream';
import { Terminal } from '@fetchfleet/producer/library';

/** Passes warnings on, and prints nothing. */
export class WarningTerminal extends Terminal {
  readonly #onWarning: (message: string) => void;

  constructor(onWarning: (message: string) => void) {
    super({ stdout: new PassThrough(), stderr: new PassThrough() });
    this.setQuiet();
    this.#onWarning = onWarning;
  }

  override warn(message: string): void {
    this.#onWarning(message);
  }

  override say(): void {
    // What to type next is for people.
  }
}
