import { HttpError } from '../http/http-error.ts';

/** A few at a time; some wait, and the others are told to come back. */
export class Places {
  readonly #atOnce: number;
  readonly #waiting: (() => void)[] = [];
  readonly #maxWaiting: number;
  #taken = 0;

  constructor({ atOnce, waiting }: { readonly atOnce: number; readonly waiting: number }) {
    this.#atOnce = atOnce;
    this.#maxWaiting = waiting;
  }

  /** @throws HttpError if too many wait already */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new HttpError(429, 'TOO_MANY_COMMANDS', {
          message: 'too many commands are running: try again in a moment',
          headers: { 'retry-after': '5' },
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#taken += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#taken -= 1;
      } else {
        next();
      }
    }
  }
}
