import type { Logger } from 'pino';

/** How long identical lines are counted before their number is logged. */
const PERIOD_MS = 30_000;
/** Lines that are remembered; the oldest is logged with its count and forgotten first. */
const MAX_LINES = 100;

export interface RepeatedLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: object;
  /** Lines with the same level, message and key are identical. @default '' */
  readonly key?: string;
}

interface Counted {
  line: RepeatedLine;
  repeats: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Logs a line when it first comes up and counts those that are identical to it.
 *
 *     unknown ──line──▶ logged at once ──30 s with repeats──▶ logged with `repeats`, counted anew
 *        ▲                    │
 *        └──30 s without──────┘
 *
 * So an error that comes back a hundred times a second is two lines a minute.
 */
export class RepeatLog {
  readonly #log: Logger;
  readonly #counted = new Map<string, Counted>();

  constructor(log: Logger) {
    this.#log = log;
  }

  write(line: RepeatedLine): void {
    const id = `${line.level} ${line.message} ${line.key ?? ''}`;
    const known = this.#counted.get(id);
    if (known !== undefined) {
      known.line = line;
      known.repeats += 1;
      return;
    }
    this.#log[line.level](line.fields, line.message);
    this.#forgetOldest();
    const timer = setInterval(() => this.#endPeriod(id), PERIOD_MS).unref();
    this.#counted.set(id, { line, repeats: 0, timer });
  }

  /** Logs what has been counted and forgets it: the next line is logged at once again. */
  flush(): void {
    for (const id of this.#counted.keys()) {
      this.#forget(id);
    }
  }

  #endPeriod(id: string): void {
    const counted = this.#counted.get(id);
    if (counted === undefined || counted.repeats === 0) {
      this.#forget(id);
      return;
    }
    this.#writeCount(counted);
    counted.repeats = 0;
  }

  #forgetOldest(): void {
    const [oldest] = this.#counted.keys();
    if (this.#counted.size >= MAX_LINES && oldest !== undefined) {
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    const counted = this.#counted.get(id);
    if (counted === undefined) {
      return;
    }
    clearInterval(counted.timer);
    this.#counted.delete(id);
    if (counted.repeats > 0) {
      this.#writeCount(counted);
    }
  }

  #writeCount({ line, repeats }: Counted): void {
    this.#log[line.level]({ ...line.fields, repeats }, line.message);
  }
}
