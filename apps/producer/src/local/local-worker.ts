import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseLogLine } from './worker-output.ts';

const MAX_BACKOFF_MS = 5_000;
/** A worker that lived this long after it was ready is healthy: its death starts a new count. */
const HEALTHY_AFTER_MS = 15_000;
/** Deaths in a row before `ready`: the worker cannot start on this machine. */
const MAX_FAILED_STARTS = 4;
/** Deaths in a row soon after `ready`. A slice may kill some workers before the fleet fails it. */
const MAX_EARLY_DEATHS = 20;
/** Exit status of a worker whose settings are wrong. It would fail again. */
const BAD_SETTINGS = 2;

export type GivenUpCause = 'deaths' | 'settings';

export interface LocalWorkerOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For every line that it writes to stderr. */
  readonly onLine: (line: string) => void;
  /** It claims slices from now on; again after each new start. */
  readonly onReady: () => void;
  /** It died and is started again. */
  readonly onCrash: (reason: string) => void;
  /** It is not started again: it died too often, or its settings are wrong. */
  readonly onGivenUp: (reason: string, cause: GivenUpCause) => void;
}

/**
 * One worker process, started again when it dies.
 *
 *     running ──dies──▶ waiting (backoff) ──▶ running
 *        │                 │  too often: given up
 *        └──stop()─────────┴──────────────▶ stopped
 *
 * It has a process group of its own: Ctrl-C reaches only our process, which passes it on once. It
 * ends by itself when the IPC channel closes, so it never outlives our process.
 */
export class LocalWorker {
  readonly #options: LocalWorkerOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #readyAt: number | undefined;
  #failedStarts = 0;
  #earlyDeaths = 0;
  #lastMessage = '';
  #onStopped: (() => void) | undefined;

  constructor(options: LocalWorkerOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#isStopping) {
      return;
    }
    const [program, ...args] = this.#options.command;
    this.#readyAt = undefined;
    const child = spawn(program, args, {
      env: { ...this.#options.env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    child.on('message', (message) => {
      if (isReady(message)) {
        this.#readyAt = performance.now();
        this.#options.onReady();
      }
    });
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => this.#readLine(line));
    }
    child.once('error', (error) => this.#ended(error.message, undefined));
    child.once('close', (code, signal) => this.#ended(signal ?? `exit ${code ?? '?'}`, code));
  }

  /** Resolves when the process has ended, drained or killed by `kill()`. Twice is fine. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) {
      return;
    }
    child.kill('SIGTERM');
    await new Promise<void>((resolve) => {
      this.#onStopped = resolve;
      if (this.#child === undefined) {
        resolve();
      }
    });
  }

  /** Ends the process at once. Its slices run again in other workers a few seconds later. */
  kill(): void {
    this.#isStopping = true;
    this.#child?.kill('SIGKILL');
  }

  #readLine(line: string): void {
    const text = parseLogLine(line)?.text ?? line.trim();
    // The message of a crash comes before its stack.
    if (text !== '' && !/^(at |\}|Node\.js v)/u.test(text)) {
      this.#lastMessage = text;
    }
    this.#options.onLine(line);
  }

  #ended(how: string, code: number | null | undefined): void {
    if (this.#child === undefined) {
      return;
    } // `error` and `close` may both be emitted
    this.#child = undefined;
    this.#onStopped?.();
    if (this.#isStopping) {
      return;
    }
    this.#countDeath();
    const reason = this.#lastMessage === '' ? how : `${how}: ${this.#lastMessage}`;
    if (code === BAD_SETTINGS) {
      return this.#options.onGivenUp(reason, 'settings');
    }
    if (this.#failedStarts >= MAX_FAILED_STARTS || this.#earlyDeaths >= MAX_EARLY_DEATHS) {
      return this.#options.onGivenUp(reason, 'deaths');
    }
    this.#options.onCrash(reason);
    const deaths = Math.max(this.#failedStarts, this.#earlyDeaths);
    const backoffMs = Math.min(MAX_BACKOFF_MS, 100 * 2 ** deaths);
    this.#timer = setTimeout(() => this.start(), backoffMs);
  }

  #countDeath(): void {
    if (this.#readyAt === undefined) {
      this.#failedStarts += 1;
      return;
    }
    this.#failedStarts = 0;
    const wasHealthy = performance.now() - this.#readyAt >= HEALTHY_AFTER_MS;
    this.#earlyDeaths = wasHealthy ? 0 : this.#earlyDeaths + 1;
  }
}

function isReady(message: unknown): boolean {
  return (
    typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready'
  );
}
