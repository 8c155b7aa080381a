import type { Terminal } from '../core/terminal.ts';

/** Whoever can write to Redis can put any number of entries there. */
const MAX_NAMED = 20;

/**
 * What a command found in Redis and passed over, because no fleet stores it. It is reported at the
 * end of the command, each once: in between, the live view has the screen.
 */
export class PassedOver {
  readonly #named = new Set<string>();
  #isMore = false;

  readonly add = (sentence: string): void => {
    if (this.#named.size < MAX_NAMED) {
      this.#named.add(sentence);
    } else {
      this.#isMore ||= !this.#named.has(sentence);
    }
  };

  report(terminal: Pick<Terminal, 'warn'>): void {
    for (const sentence of this.#named) {
      terminal.warn(sentence);
    }
    if (this.#isMore) {
      terminal.warn('there is more in Redis that was passed over');
    }
    this.#named.clear();
    this.#isMore = false;
  }
}
