import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';

/** An invariant that did not hold. */
export interface Breach {
  readonly invariant: string;
  readonly detail: string;
  readonly atMs: number;
}

/** What happens in a run, line by line: on the terminal, and in `trace.log` of its folder. */
export class Trace {
  readonly breaches: Breach[] = [];
  readonly #startedAt = performance.now();
  readonly #file: WriteStream;
  readonly #print: (line: string) => void;

  constructor(folder: string, print: (line: string) => void) {
    this.#file = createWriteStream(join(folder, 'trace.log'));
    this.#print = print;
  }

  /** Milliseconds since the start of the run. */
  get nowMs(): number {
    return performance.now() - this.#startedAt;
  }

  say(text: string): void {
    this.note(text);
    this.#print(this.#line(text));
  }

  /** For the file alone. */
  note(text: string): void {
    this.#file.write(`${this.#line(text)}\n`);
  }

  breach(invariant: string, detail: string): void {
    this.breaches.push({ invariant, detail, atMs: this.nowMs });
    this.say(`BROKEN ${invariant}: ${detail}`);
  }

  async close(): Promise<void> {
    return new Promise((closed) => this.#file.end(closed));
  }

  #line(text: string): string {
    return `${(this.nowMs / 1000).toFixed(1).padStart(7)} s  ${text}`;
  }
}
