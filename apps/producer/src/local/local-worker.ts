import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseLogLine } from './worker-output.ts';

const MAX_BACKOFF_MS = 5_000;
/** A worker that lived so long after it was ready has done its work; its death is a new story. */
const HEALTHY_AFTER_MS = 15_000;
/** Deaths in a row before the first `ready`: it cannot start here. */
const MAX_FAILED_STARTS = 4;
/** Deaths in a row soon after `ready`: a slice may kill a few workers before the fleet gives that slice up. */
const MAX_EARLY_DEATHS = 20;
/** How a worker says that its settings are wrong: trying again would not help. */
const BAD_SETTINGS = 2;

export interface LocalWorkerOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every line it writes to stderr. */
  readonly onLine: (line: string) => void;
  /** It died and is started again. */
  readonly onCrash: (how: string) => void;
  /** It has died too often; why. */
  readonly onGivenUp: (why: string) => void;
}

/**
 * One worker process, started again when it dies.
 *
 *     running ──dies──▶ waiting (backoff) ──▶ running
 *        │                 │  too often: given up
 *        └──stop()─────────┴──────────────▶ stopped
 *
 * It is in a process group of its own, so that Ctrl-C reaches us alone and we pass it on once; and it ends by itself when the IPC
 * channel closes, so that it never outlives us.
 */
export class LocalWorker {
  readonly #options: LocalWorkerOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #readyAt: number | undefined;
  #failedStarts = 0;
  #earlyDeaths = 0;
  #lastWords = '';
  #onStopped: (() => void) | undefined;

  constructor(options: LocalWorkerOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#isStopping) return;
    const [program, ...args] = this.#options.command;
    this.#readyAt = undefined;
    const child = spawn(program, args, {
      env: { ...this.#options.env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    child.on('message', (message) => {
      if (isReady(message)) this.#readyAt = performance.now();
    });
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => this.#hear(line));
    }
    child.once('error', (error) => this.#ended(error.message, undefined));
    child.once('close', (code, signal) => this.#ended(signal ?? `exit ${code ?? '?'}`, code));
  }

  /** Resolves when the process has ended: by itself after it has drained, or killed by `kill()`. Twice is fine. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    await new Promise<void>((resolve) => {
      this.#onStopped = resolve;
      if (this.#child === undefined) resolve();
    });
  }

  /** Its slices run again elsewhere a few seconds later. */
  kill(): void {
    this.#isStopping = true;
    this.#child?.kill('SIGKILL');
  }

  #hear(line: string): void {
    const text = parseLogLine(line)?.text ?? line.trim();
    // The sentence of a crash comes before its stack.
    if (text !== '' && !/^(at |\}|Node\.js v)/u.test(text)) this.#lastWords = text;
    this.#options.onLine(line);
  }

  #ended(how: string, code: number | null | undefined): void {
    if (this.#child === undefined) return; // `error` and `close` may both come
    this.#child = undefined;
    this.#onStopped?.();
    if (this.#isStopping) return;
    this.#count();
    const said = this.#lastWords === '' ? how : `${how}: ${this.#lastWords}`;
    const isHopeless =
      code === BAD_SETTINGS ||
      this.#failedStarts >= MAX_FAILED_STARTS ||
      this.#earlyDeaths >= MAX_EARLY_DEATHS;
    if (isHopeless) return this.#options.onGivenUp(said);
    this.#options.onCrash(said);
    const deaths = Math.max(this.#failedStarts, this.#earlyDeaths);
    const backoffMs = Math.min(MAX_BACKOFF_MS, 100 * 2 ** deaths);
    this.#timer = setTimeout(() => this.start(), backoffMs);
  }

  #count(): void {
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
