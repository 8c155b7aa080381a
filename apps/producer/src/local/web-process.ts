import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../core/errors.ts';
import type { Terminal } from '../core/terminal.ts';
import { WorkerNotices } from './worker-output.ts';

/** Exit status of a server whose settings are wrong, or whose port is in use. */
const BAD_SETTINGS = 2;
/** What the server needs to end. */
const STOP_TIMEOUT_MS = 10_000;

export interface WebProcessOptions {
  /** Of the server. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
}

/**
 * The server of the page, as a process. Ctrl-C reaches only our process. It ends by itself when the
 * IPC channel closes, so it never outlives our process.
 */
export class WebProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  /** What it says before it can log: what is wrong with its settings. */
  readonly #problems: string[] = [];

  constructor({ flags, env, terminal }: WebProcessOptions) {
    const program = fileURLToPath(import.meta.resolve('#web'));
    const own = process.execArgv.filter((flag) => flag.startsWith('--conditions='));
    this.#child = spawn(process.execPath, [...own, program, ...flags], {
      env: { ...env, FETCHFLEET_LOG_FORMAT: 'json' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    });
    const notices = new WorkerNotices((message) => terminal.warn(message));
    if (this.#child.stderr !== null) {
      createInterface({ input: this.#child.stderr }).on('line', (line) => {
        const [, problem] = /^fetchfleet-web: (.*)$/u.exec(line) ?? [];
        if (problem === undefined) {
          notices.add(line);
        } else {
          this.#problems.push(problem);
        }
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', ({ message }) => resolve(message));
      this.#child.once('close', (code, signal) => resolve(signal ?? `exit ${code}`));
    });
  }

  /**
   * The address of the page, once it is served.
   *
   * @throws CommandError if it cannot be
   */
  async ready(): Promise<string> {
    const address = new Promise<string>((resolve) => {
      this.#child.on('message', (message) => {
        const found = addressIn(message);
        if (found !== undefined) {
          resolve(found);
        }
      });
    });
    const failed = this.#ended.then((how) => {
      throw this.#failure(how);
    });
    return Promise.race([address, failed]);
  }

  /** Rejects when it ends. */
  get lost(): Promise<never> {
    return this.#ended.then((how) => {
      throw this.#failure(how);
    });
  }

  /** Twice is fine. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(timer);
  }

  #failure(how: string): CommandError {
    const isInput = this.#child.exitCode === BAD_SETTINGS;
    return new CommandError(`the server of the page has ended (${how})`, {
      code: isInput ? 'SETTINGS_INVALID' : 'WEB_LOST',
      problems: this.#problems,
    });
  }
}

function addressIn(message: unknown): string | undefined {
  const isReady =
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    message.type === 'ready' &&
    'address' in message;
  return isReady ? String(message.address) : undefined;
}
