import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Target } from './target.ts';

/** What the process of a turn is told. */
export interface Order {
  readonly target: string;
  readonly seed: number;
  readonly path: string | undefined;
  /** Inputs at most. */
  readonly runs: number;
  /** No input begins later, in milliseconds. */
  readonly durationMs: number;
  /** For the files of the target. */
  readonly folder: string;
  /** Holds the input that is checked: a process that hangs cannot tell. */
  readonly inputFile: string;
}

/** What the process of a turn answers. */
export interface Answer {
  readonly runs: number;
  readonly failure?: {
    readonly path: string;
    readonly counterexample: string;
    readonly error: string;
  };
}

export interface Failure {
  readonly target: string;
  readonly seed: number;
  /** Undefined if the process could not tell: all inputs of the seed have to run again. */
  readonly path: string | undefined;
  readonly counterexample: string;
  readonly error: string;
}

export interface TurnResult {
  readonly runs: number;
  readonly seconds: number;
  readonly failure: Failure | undefined;
}

export interface TurnOptions {
  readonly seed: number;
  readonly path: string | undefined;
  readonly runs: number;
  readonly durationMs: number;
}

const PROGRAM = fileURLToPath(new URL('turn-main.ts', import.meta.url));
/** Enough for every target; an input that needs more has found a leak. */
const HEAP_MB = 512;
const DEFAULT_HANG_MS = 15_000;
/** Starting Redis and a worker on a busy machine. */
const START_MS = 120_000;
const LOOK_EVERY_MS = 250;
const MAX_OUTPUT = 8_000;
/** Ended by itself, after its answer or not. */
type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/**
 * Checks inputs of one target in a process of its own, which is killed if one of them takes too
 * long. Its files are in a temporary folder, which is removed.
 */
export async function runTurn(target: Target, options: TurnOptions): Promise<TurnResult> {
  const root = await mkdtemp(join(tmpdir(), 'fetchfleet-fuzz-'));
  try {
    return await new Turn(target, options, root).run();
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Turn {
  readonly #target: Target;
  readonly #options: TurnOptions;
  readonly #root: string;
  readonly #inputFile: string;
  #output = '';
  #answer: Answer | undefined;
  #isHung = false;

  constructor(target: Target, options: TurnOptions, root: string) {
    this.#target = target;
    this.#options = options;
    this.#root = root;
    this.#inputFile = join(root, 'input');
  }

  async run(): Promise<TurnResult> {
    const startedAt = performance.now();
    const child = await this.#start();
    const watch = this.#watch(child);
    const ended = once(child, 'exit');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what Node says it is
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    clearInterval(watch);
    const seconds = (performance.now() - startedAt) / 1000;
    const failure = await this.#failureOf({ code, signal });
    return { runs: this.#answer?.runs ?? 0, seconds, failure };
  }

  async #start(): Promise<ChildProcess> {
    const folders = { folder: join(this.#root, 'folder'), temporary: join(this.#root, 'tmp') };
    await Promise.all(Object.values(folders).map(async (path) => mkdir(path)));
    const child = fork(PROGRAM, [], {
      cwd: folders.folder,
      env: { ...process.env, TMPDIR: folders.temporary, HOME: folders.temporary },
      execArgv: ['--conditions=@fetchfleet/source', `--max-old-space-size=${HEAP_MB}`],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = `${this.#output}${text}`.slice(-MAX_OUTPUT);
      });
    }
    child.on('message', (answer: Answer) => {
      this.#answer = answer;
    });
    const order: Order = {
      ...this.#options,
      target: this.#target.name,
      folder: folders.folder,
      inputFile: this.#inputFile,
    };
    child.send(order);
    return child;
  }

  /** Kills the process if it stays with one input: the file has the time when that began. */
  #watch(child: ChildProcess): NodeJS.Timeout {
    const hangMs = this.#target.hangMs ?? DEFAULT_HANG_MS;
    const startedAt = Date.now();
    const look = async (): Promise<void> => {
      const since = await stat(this.#inputFile).catch(() => undefined);
      const isLate =
        since === undefined
          ? Date.now() - startedAt > START_MS
          : Date.now() - since.mtimeMs > hangMs;
      if (isLate) {
        this.#isHung = true;
        child.kill('SIGKILL');
      }
    };
    return setInterval(() => void look(), LOOK_EVERY_MS);
  }

  async #failureOf({ code, signal }: Ending): Promise<Failure | undefined> {
    const { seed } = this.#options;
    const target = this.#target.name;
    if (this.#answer?.failure !== undefined) {
      return { target, seed, ...this.#answer.failure };
    }
    // All inputs were checked by then, however long the process takes to end.
    if (this.#answer !== undefined && (code === 0 || this.#isHung)) {
      return undefined;
    }
    const error = this.#isHung
      ? 'one input took too long: the process was killed'
      : `the process ended (${signal ?? code}): ${this.#output}`;
    const counterexample = await readFile(this.#inputFile, 'utf8').catch(() => 'none yet');
    return { target, seed, path: this.#options.path, counterexample, error };
  }
}
