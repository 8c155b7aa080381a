import { styleText } from 'node:util';
import type { Writable } from 'node:stream';

export type Style = 'red' | 'green' | 'yellow' | 'dim' | 'bold' | 'cyan';

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Drawn at the bottom of the terminal, below the printed lines: a progress bar. */
export interface Overlay {
  clear(): void;
  redraw(): void;
}

/** Writes results to stdout, and messages for people to stderr. */
export class Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  #overlay: Overlay | undefined;
  #isQuiet = false;
  /** Texts of `warnOnce`. */
  readonly #warned = new Set<string>();

  constructor(streams: { readonly stdout: Output; readonly stderr: Output }) {
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
  }

  get isInteractive(): boolean {
    return this.stderr.isTTY === true;
  }

  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  /** Columns of the terminal; at most 80, so that lines stay easy to read. */
  get width(): number {
    // A terminal that does not know its width reports 0.
    return Math.min(80, this.stderr.columns || 80);
  }

  /** From here on `note` prints nothing. */
  setQuiet(): void {
    this.#isQuiet = true;
  }

  /** A message that --quiet hides. */
  note(text: string): void {
    if (!this.#isQuiet) {
      this.#write(text);
    }
  }

  /** A message that --quiet does not hide: what to do next. */
  say(text: string): void {
    this.#write(text);
  }

  warn(text: string): void {
    this.#write(`${this.paint('yellow', 'warning:')} ${text}`);
  }

  /** A warning that other parts or processes may have given already. */
  warnOnce(text: string): void {
    if (!this.#warned.has(text)) {
      this.#warned.add(text);
      this.warn(text);
    }
  }

  error(text: string): void {
    this.#write(`${this.paint('red', 'error:')} ${text}`);
  }

  /** The result, as text. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** The result, as one JSON document. */
  printJson(document: unknown): void {
    this.stdout.write(`${JSON.stringify(document)}\n`);
  }

  /** Colours text for stderr; not in files, and not if NO_COLOR is set. */
  paint(style: Style, text: string): string {
    return this.isInteractive ? styleText(style, text, { stream: this.stderr }) : text;
  }

  /** Colours text for stdout. */
  paintOutput(style: Style, text: string): string {
    return this.stdout.isTTY === true ? styleText(style, text, { stream: this.stdout }) : text;
  }

  setOverlay(overlay: Overlay | undefined): void {
    this.#overlay = overlay;
  }

  #write(text: string): void {
    this.#overlay?.clear();
    this.stderr.write(`${text}\n`);
    this.#overlay?.redraw();
  }
}
