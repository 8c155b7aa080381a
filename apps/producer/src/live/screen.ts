import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from '../core/terminal.ts';

const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l\u001B[2J\u001B[H';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
/** Terminals that support it draw everything between the two at once; others ignore them. */
const BEGIN_FRAME = '\u001B[?2026h';
const END_FRAME = '\u001B[?2026l';
const CTRL_C = '\u0003';
const CTRL_Z = '\u001A';
/** The foreground process group, which terminals send signals to. Includes npx, for example. */
const PROCESS_GROUP = 0;
/** A delay that ends only after the process was suspended and continued. */
const RESUME_CHECK_MS = 100;

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Returns the lines of the screen, at most `rows`. Called again when the size changes. */
export type Page = (size: ScreenSize) => readonly string[];

/** Whether stdout is a terminal that can move its cursor. */
export function canDraw(
  { stdout }: Terminal,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stdout.isTTY === true && env['TERM'] !== 'dumb';
}

/**
 * The alternate screen of a terminal. `stop()` restores the terminal, and so does the end of the
 * process, even by an error or a signal. Writes only lines that have changed. Keys are not echoed;
 * `q` and Ctrl-C interrupt the command, Ctrl-Z suspends it.
 */
export class LiveScreen {
  readonly #stdout = process.stdout;
  readonly #stdin = process.stdin;
  #isStarted = false;
  /** Started and not suspended. */
  #isShown = false;
  #lastPage: Page | undefined;
  #drawn: readonly string[] = [];
  readonly #onData = (keys: string): void => this.#handleKeys(keys);
  readonly #onResize = (): void => this.#redraw();
  readonly #onExit = (): void => this.#leave();
  readonly #onContinue = (): void => {
    if (this.#isStarted) {
      this.#enter();
    }
  };

  /** Starting twice is fine. */
  start(): void {
    if (this.#isStarted) {
      return;
    }
    this.#isStarted = true;
    this.#enter();
    this.#stdout.on('resize', this.#onResize);
    process.once('exit', this.#onExit);
    process.on('SIGCONT', this.#onContinue);
    if (this.#stdin.isTTY) {
      this.#stdin.setEncoding('utf8').on('data', this.#onData).resume();
    }
  }

  draw(page: Page): void {
    this.#lastPage = page;
    if (!this.#isShown) {
      return;
    }
    const size = this.#size();
    const lines = page(size).slice(0, size.rows);
    const changes = Array.from({ length: Math.max(lines.length, this.#drawn.length) }, (_, at) => {
      const text = lines[at] ?? '';
      return text === this.#drawn[at] ? '' : rewrite(at + 1, text, size);
    }).join('');
    this.#drawn = lines;
    if (changes !== '') {
      this.#stdout.write(`${BEGIN_FRAME}${changes}${END_FRAME}`);
    }
  }

  /** Restores the terminal. Stopping twice is fine. */
  stop(): void {
    if (!this.#isStarted) {
      return;
    }
    this.#isStarted = false;
    this.#leave();
    this.#stdout.off('resize', this.#onResize);
    process.off('exit', this.#onExit);
    process.off('SIGCONT', this.#onContinue);
    if (this.#stdin.isTTY) {
      this.#stdin.off('data', this.#onData).pause();
    }
  }

  #enter(): void {
    this.#isShown = true;
    if (this.#stdin.isTTY) {
      this.#stdin.setRawMode(true);
    }
    this.#stdout.write(ENTER);
    this.#redraw();
  }

  #leave(): void {
    if (!this.#isShown) {
      return;
    }
    this.#isShown = false;
    this.#stdout.write(LEAVE);
    if (this.#stdin.isTTY) {
      this.#stdin.setRawMode(false);
    }
  }

  #redraw(): void {
    if (this.#lastPage === undefined || !this.#isShown) {
      return;
    }
    this.#drawn = [];
    this.#stdout.write('\u001B[2J');
    this.draw(this.#lastPage);
  }

  #size(): ScreenSize {
    // A terminal that does not know its size reports 0.
    return { columns: this.#stdout.columns || 80, rows: this.#stdout.rows || 24 };
  }

  /** In raw mode, keys like Ctrl-C arrive as characters instead of signals. */
  #handleKeys(keys: string): void {
    if (keys.includes(CTRL_C)) {
      process.kill(PROCESS_GROUP, 'SIGINT');
    } else if (keys === 'q') {
      process.kill(process.pid, 'SIGINT');
    } else if (keys.includes(CTRL_Z)) {
      this.#suspend();
    }
  }

  #suspend(): void {
    this.#leave();
    process.kill(PROCESS_GROUP, 'SIGTSTP');
    // The timer fires after the process continues, even if it was never suspended.
    setTimeout(() => this.#onContinue(), RESUME_CHECK_MS);
  }
}

/** Erasing the rest of a full line would erase its last column, too. */
function rewrite(row: number, text: string, { columns }: ScreenSize): string {
  const isFull = stripVTControlCharacters(text).length >= columns;
  return `\u001B[${row};1H${text}${isFull ? '' : '\u001B[K'}`;
}
