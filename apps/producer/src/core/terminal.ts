import { once } from 'node:events';
import { styleText } from 'node:util';
import { printable } from '@fetchfleet/crawl';
import type { Writable } from 'node:stream';

export type Style = 'red' | 'green' | 'yellow' | 'dim' | 'bold' | 'cyan';

/** Characters of lines that are written at once. */
const WRITTEN_AT_ONCE = 65_536;

/** Text in one style. */
export type Span = string | readonly [Style, string];

/** One line for people. Whatever is in the text, it stays one line, and looks like its style. */
export type Line = string | readonly Span[];

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Drawn at the bottom of the terminal, below the printed lines: a progress bar. */
export interface Overlay {
  clear(): void;
  redraw(): void;
}

/**
 * Writes results to stdout, and messages for people to stderr. All text for people comes through
 * here or through a page of the live view. It is made {@link printable} before it is coloured: ids,
 * URLs, folders and answers are written by others, and must not reach a terminal as they are.
 */
export class Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether the command goes on where its output is lost. */
  needsNoOutput = false;
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
  note(...lines: readonly Line[]): void {
    if (!this.#isQuiet) {
      this.#write(lines);
    }
  }

  /** A message that --quiet does not hide: what to do next. */
  say(...lines: readonly Line[]): void {
    this.#write(lines);
  }

  warn(text: string): void {
    this.#write([[['yellow', 'warning:'], ` ${text}`]]);
  }

  /** A warning that other parts or processes may have given already. */
  warnOnce(text: string): void {
    if (!this.#warned.has(text)) {
      this.#warned.add(text);
      this.warn(text);
    }
  }

  error(text: string): void {
    this.#write([[['red', 'error:'], ` ${text}`]]);
  }

  /** The result, as text. */
  print(...lines: readonly Line[]): void {
    this.stdout.write(rendered(lines, this.stdout));
  }

  /**
   * The result, as one JSON document. Its strings are what they are, also where characters in them
   * had to be escaped.
   */
  printJson(document: unknown): void {
    this.print(JSON.stringify(document));
  }

  /** As `print`, of one line after the other: it waits for a slow reader. */
  async printNext(line: Line): Promise<void> {
    await this.printBytes(rendered([line], this.stdout));
  }

  /** The same of any number of lines. */
  async printLines(lines: Iterable<Line>): Promise<void> {
    let text = '';
    for (const line of lines) {
      text += rendered([line], this.stdout);
      if (text.length >= WRITTEN_AT_ONCE) {
        await this.printBytes(text);
        text = '';
      }
    }
    await this.printBytes(text);
  }

  /** The result as it is. It must not be for a terminal. It waits for a slow reader. */
  async printBytes(bytes: Buffer | string): Promise<void> {
    if (!this.stdout.write(bytes)) {
      await once(this.stdout, 'drain');
    }
  }

  /** Colours text for stdout; not in files, and not if NO_COLOR is set. */
  paintOutput(style: Style, text: string): string {
    return painted(style, text, this.stdout);
  }

  setOverlay(overlay: Overlay | undefined): void {
    this.#overlay = overlay;
  }

  #write(lines: readonly Line[]): void {
    this.#overlay?.clear();
    this.stderr.write(rendered(lines, this.stderr));
    this.#overlay?.redraw();
  }
}

function rendered(lines: readonly Line[], stream: Output): string {
  return lines.map((line) => `${renderedLine(line, stream)}\n`).join('');
}

function renderedLine(line: Line, stream: Output): string {
  const spans = typeof line === 'string' ? [line] : line;
  return spans
    .map((span) =>
      typeof span === 'string' ? printable(span) : painted(span[0], printable(span[1]), stream),
    )
    .join('');
}

function painted(style: Style, text: string, stream: Output): string {
  return stream.isTTY === true ? styleText(style, text, { stream }) : text;
}
