import { printable } from '@fetchfleet/crawl';
import type { Terminal } from '../core/terminal.ts';
import { formatBytes, truncate } from '../report/units.ts';

/** A copy that takes less time than this is not shown. */
const SILENT_MS = 500;
/** Between two states on a terminal, and between two lines without one. */
const REDRAW_MS = 100;
const LINE_MS = 3_000;

/** Shows how far a copy of a batch is: in one line of a terminal, or a line every 3 s. */
export class CopyProgress {
  readonly #terminal: Terminal;
  readonly #what: string;
  readonly #now: () => number;
  #nextAt: number;
  #line: string | undefined;

  /** @param what is copied: `b-1 from s3://bucket/crawls` */
  constructor(terminal: Terminal, what: string, now: () => number = Date.now) {
    this.#terminal = terminal;
    this.#what = what;
    this.#now = now;
    this.#nextAt = now() + (terminal.isInteractive ? SILENT_MS : LINE_MS);
  }

  /** @param total bytes, as far as they are known */
  update(done: number, total: number): void {
    const now = this.#now();
    if (now < this.#nextAt || this.#terminal.isQuiet) {
      return;
    }
    const text = `copying ${this.#what}: ${formatBytes(done)} of ${formatBytes(total)}`;
    if (this.#terminal.isInteractive) {
      this.#nextAt = now + REDRAW_MS;
      this.#draw(truncate(printable(text), this.#terminal.width - 1));
    } else {
      this.#nextAt = now + LINE_MS;
      this.#terminal.note(text);
    }
  }

  /** Removes the line. */
  stop(): void {
    this.#terminal.setOverlay(undefined);
    this.#erase();
    this.#line = undefined;
  }

  #draw(line: string): void {
    this.#erase();
    this.#line = line;
    this.#terminal.stderr.write(line);
    this.#terminal.setOverlay({
      clear: () => this.#erase(),
      redraw: () => this.#terminal.stderr.write(line),
    });
  }

  #erase(): void {
    if (this.#line !== undefined) {
      this.#terminal.stderr.write('\r\u001B[K');
    }
  }
}
