import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from '../core/terminal.ts';

const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l\u001B[2J\u001B[H';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
/** Terminals that know it show all that lies between at once; others ignore it. */
const BEGIN_FRAME = '\u001B[?2026h';
const END_FRAME = '\u001B[?2026l';
const CTRL_C = '\u0003';
const CTRL_Z = '\u001A';
/** What a terminal sends signals to: npx and whoever else waits for this process, too. */
const FOREGROUND = 0;
const RETURN_MS = 100;

/** Columns and rows of the screen. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Draws what is to be seen, in at most so many rows. It is called again whenever the size changes. */
export type Page = (size: ScreenSize) => readonly string[];

/** Whether something can be drawn in place: on a terminal that can move its cursor. */
export function canDraw(
  { stdout }: Terminal,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stdout.isTTY === true && env['TERM'] !== 'dumb';
}

/**
 * A screen of its own above what is in the terminal, which is back as it was after `stop()`, and also when the process ends by an error
 * or a signal. Only lines that have changed are written. Keys are not echoed; `q` and Ctrl-C interrupt, Ctrl-Z suspends.
 */
export class LiveScreen {
  readonly #stdout: NodeJS.WriteStream;
  readonly #stdin: NodeJS.ReadStream;
  #isStarted = false;
  /** Started, and not suspended. */
  #isOn = false;
  #page: Page | undefined;
  #shown: readonly string[] = [];
  readonly #onKey = (keys: string): void => this.#take(keys);
  readonly #onResize = (): void => this.#redraw();
  readonly #onExit = (): void => this.#leave();
  readonly #onContinue = (): void => {
    if (this.#isStarted) this.#enter();
  };

  /** @param streams default: those of the process */
  constructor(streams: { stdout?: NodeJS.WriteStream; stdin?: NodeJS.ReadStream } = {}) {
    this.#stdout = streams.stdout ?? process.stdout;
    this.#stdin = streams.stdin ?? process.stdin;
  }

  /** Twice is fine. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#enter();
    this.#stdout.on('resize', this.#onResize);
    process.once('exit', this.#onExit);
    process.on('SIGCONT', this.#onContinue);
    if (this.#stdin.isTTY) this.#stdin.setEncoding('utf8').on('data', this.#onKey).resume();
  }

  draw(page: Page): void {
    this.#page = page;
    if (!this.#isOn) return;
    const size = this.#size();
    const lines = page(size).slice(0, size.rows);
    const changes = Array.from({ length: Math.max(lines.length, this.#shown.length) }, (_, at) => {
      const text = lines[at] ?? '';
      return text === this.#shown[at] ? '' : rewrite(at + 1, text, size);
    }).join('');
    this.#shown = lines;
    if (changes !== '') this.#stdout.write(`${BEGIN_FRAME}${changes}${END_FRAME}`);
  }

  /** The terminal is as it was before. Twice is fine. */
  stop(): void {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#leave();
    this.#stdout.off('resize', this.#onResize);
    process.off('exit', this.#onExit);
    process.off('SIGCONT', this.#onContinue);
    if (this.#stdin.isTTY) this.#stdin.off('data', this.#onKey).pause();
  }

  #enter(): void {
    this.#isOn = true;
    if (this.#stdin.isTTY) this.#stdin.setRawMode(true);
    this.#stdout.write(ENTER);
    this.#redraw();
  }

  #leave(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#stdout.write(LEAVE);
    if (this.#stdin.isTTY) this.#stdin.setRawMode(false);
  }

  #redraw(): void {
    if (this.#page === undefined || !this.#isOn) return;
    this.#shown = [];
    this.#stdout.write('\u001B[2J');
    this.draw(this.#page);
  }

  #size(): ScreenSize {
    // 0 is what a terminal says that does not know.
    return { columns: this.#stdout.columns || 80, rows: this.#stdout.rows || 24 };
  }

  /** In raw mode the keys that are signals elsewhere arrive as characters. */
  #take(keys: string): void {
    if (keys.includes(CTRL_C)) process.kill(FOREGROUND, 'SIGINT');
    else if (keys === 'q') process.kill(process.pid, 'SIGINT');
    else if (keys.includes(CTRL_Z)) this.#suspend();
  }

  #suspend(): void {
    this.#leave();
    process.kill(FOREGROUND, 'SIGTSTP');
    // It fires when the process goes on, or at once where it was not suspended after all.
    setTimeout(() => this.#onContinue(), RETURN_MS);
  }
}

/** Erasing what is left of a line takes the last column along where the line is full. */
function rewrite(row: number, text: string, { columns }: ScreenSize): string {
  const isFull = stripVTControlCharacters(text).length >= columns;
  return `\u001B[${row};1H${text}${isFull ? '' : '\u001B[K'}`;
}
