import { Writable } from 'node:stream';

/** Passes lines of JSON on as objects. */
export class LogStream extends Writable {
  readonly #onLine: (line: Readonly<Record<string, unknown>>) => void;

  constructor(onLine: (line: Readonly<Record<string, unknown>>) => void) {
    super({ decodeStrings: false });
    this.#onLine = onLine;
  }

  /** A logger writes one line at a time. */
  override _write(line: string | Buffer, _encoding: string, done: () => void): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our logger has written it
    this.#onLine(JSON.parse(String(line)) as Record<string, unknown>);
    done();
  }
}
