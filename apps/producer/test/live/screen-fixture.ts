import { binaryPath, startProcess, type Running } from '@fetchfleet/testing';
import type { Project } from '../cli-fixture.ts';

// eslint-disable-next-line no-control-regex -- control sequences begin with one
const SEQUENCE = /\u001B\[(?<mark>\??)(?<numbers>[\d;]*)(?<verb>[A-Za-z])/uy;

/** A minimal terminal: shows the output of our programs as a person would see it. */
export class Screen {
  readonly columns: number;
  readonly rows: number;
  /** Something was written outside the screen. */
  hasOverflowed = false;
  isAlternate = false;
  isCursorShown = true;
  #lines: string[] = [];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  get text(): string {
    return this.#lines.map((line) => line.trimEnd()).join('\n');
  }

  write(output: string): this {
    let at = 0;
    while (at < output.length) {
      SEQUENCE.lastIndex = at;
      const found = SEQUENCE.exec(output);
      if (found === null) {
        this.#put(output.charAt(at));
        at += 1;
      } else {
        this.#execute(found.groups ?? {});
        at = SEQUENCE.lastIndex;
      }
    }
    return this;
  }

  #put(character: string): void {
    if (character === '\n') {
      this.#row += 1;
    }
    if (character === '\r') {
      this.#column = 0;
    }
    if (character === '\n' || character === '\r') {
      return;
    }
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
    if (this.isAlternate && (this.#column > this.columns || this.#row >= this.rows)) {
      this.hasOverflowed = true;
    }
  }

  #execute({ mark, numbers = '', verb }: Record<string, string | undefined>): void {
    if (mark === '?') {
      if (numbers === '1049') {
        this.isAlternate = verb === 'h';
      }
      if (numbers === '25') {
        this.isCursorShown = verb === 'h';
      }
    } else if (verb === 'J') {
      this.#lines = [];
    } else if (verb === 'H') {
      const [row = 1, column = 1] = numbers.split(';').map((number) => Number(number) || 1);
      this.#row = row - 1;
      this.#column = column - 1;
    } else if (verb === 'K') {
      // In a full line the cursor stays in the last column.
      const from = Math.min(this.#column, this.columns - 1);
      this.#lines[this.#row] = (this.#lines[this.#row] ?? '').slice(0, from);
    }
  }
}

/**
 * Runs the CLI on a terminal of its own, with `script` of util-linux. Files control the terminal:
 * the content of `keys` is typed when there is some, `size` sets a new size, and `program.pid`
 * receives the pid of the shell. A file exists for a moment before its content does, so the shell
 * waits for content: a key that it missed would never be typed.
 */
export async function onTerminal(
  project: Project,
  args: readonly string[],
  { columns, rows, env = {} }: { columns: number; rows: number; env?: Record<string, string> },
): Promise<Running> {
  const words = [process.execPath, binaryPath('fetchfleet'), ...args];
  const command = words.map((word) => `'${word}'`).join(' ');
  await project.write(
    'terminal.sh',
    [
      `stty cols ${columns} rows ${rows}`,
      '(until [ -s size ]; do sleep 0.1; [ -e done ] && exit; done; stty $(cat size) < /dev/tty) &',
      'echo $$ > program.pid',
      command,
      'code=$?; touch done; echo "exit status $code"; exit $code',
    ].join('\n'),
  );
  const typing = '(until [ -s keys ]; do sleep 0.1; [ -e done ] && exit; done; cat keys; sleep 1)';
  return startProcess('sh', ['-c', `${typing} | script -qefc 'sh terminal.sh' /dev/null`], {
    cwd: project.folder.path,
    env: { ...project.env, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
  });
}
