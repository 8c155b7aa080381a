import { styleText } from 'node:util';
import type { Writable } from 'node:stream';

export type Style = 'red' | 'green' | 'yellow' | 'dim' | 'bold' | 'cyan';

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Something that is drawn at the bottom of the terminal while lines pass above it. */
export interface Overlay {
  clear(): void;
  redraw(): void;
}

/** stdout is for machines and for what was asked for; everything for people goes to stderr. */
export class Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  #overlay: Overlay | undefined;
  #isQuiet = false;

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

  /** Columns of the terminal; never more than 80, so that lines stay easy to read. */
  get width(): number {
    // 0 is what a terminal says that does not know.
    return Math.min(80, this.stderr.columns || 80);
  }

  /** From here on only warnings and errors are told. */
  setQuiet(): void {
    this.#isQuiet = true;
  }

  /** For people, unless they asked for quiet. */
  note(text: string): void {
    if (!this.#isQuiet) this.#write(text);
  }

  /** For people, also those who asked for quiet: what to do next. */
  say(text: string): void {
    this.#write(text);
  }

  warn(text: string): void {
    this.#write(`${this.paint('yellow', 'warning:')} ${text}`);
  }

  error(text: string): void {
    this.#write(`${this.paint('red', 'error:')} ${text}`);
  }

  /** What was asked for, as text. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** What was asked for, as one JSON document. */
  printJson(document: unknown): void {
    this.stdout.write(`${JSON.stringify(document)}\n`);
  }

  /** Colour where people see it: not into files, and not where NO_COLOR is set. */
  paint(style: Style, text: string): string {
    return this.isInteractive ? styleText(style, text, { stream: this.stderr }) : text;
  }

  /** The same for what goes to stdout. */
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
