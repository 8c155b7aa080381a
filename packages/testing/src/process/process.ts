import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEADLINE_MS } from '../resources/eventually.ts';
import { track } from '../resources/registry.ts';
import { killWithThisProcess } from '../resources/watchdog.ts';

/** The root of the repository. */
export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');

/** Our binaries and the app each belongs to. */
const APPS: Readonly<Record<string, string>> = {
  fetchfleet: 'apps/producer',
  'fetchfleet-worker': 'apps/worker',
  'fetchfleet-web': 'apps/web',
  'fetchfleet-sample-api': 'apps/sample-api',
};

/** Variables of Jest that a child process must not inherit. */
const JEST_VARIABLES = ['NODE_OPTIONS', 'JEST_WORKER_ID', 'NODE_ENV', 'FORCE_COLOR'];

/** How long to wait for the rest of a process's output after its exit, in ms. */
const OUTPUT_GRACE_MS = 500;

export interface StartProcessOptions {
  /** Added to the environment of this process; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default the repository's root */
  readonly cwd?: string;
  /** Written to its stdin, which is then closed. @default nothing */
  readonly input?: string;
  /** Id of the user and of the group that it runs as. @default those of this process */
  readonly user?: number | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process under test. */
export interface Running {
  readonly pid: number;
  /** Its output so far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly isRunning: boolean;
  /** Resolves when the process has ended and its output is complete. */
  readonly exit: Promise<Exit>;
  /** Resolves with the first match in a complete line of stdout or stderr. */
  waitForLine(pattern: RegExp, deadlineMs?: number): Promise<RegExpMatchArray>;
  /** Sends a signal and resolves when the process has ended. @default 'SIGKILL' */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Sends a signal without waiting. */
  signal(signal: NodeJS.Signals): void;
}

/**
 * Starts a command as a real process: one of our binaries by name (the build that ships), `node`
 * (the Node that runs the tests), or any other program. The leak guard ends it, and it never
 * outlives the test run.
 */
export async function startProcess(
  command: string,
  args: readonly string[] = [],
  options: StartProcessOptions = {},
): Promise<Running> {
  const [program, ...before] = commandLine(command);
  const child = spawn(program, [...before, ...args], {
    cwd: options.cwd ?? repositoryRoot,
    env: childEnvironment(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.user !== undefined && { uid: options.user, gid: options.user }),
  });
  await new Promise<void>((started, failed) => {
    child.once('spawn', started);
    child.once('error', failed);
  });
  child.stdin.on('error', () => undefined); // The process may end before it reads its input.
  child.stdin.end(options.input ?? '');
  return new RunningProcess([command, ...args].join(' '), child);
}

function commandLine(command: string): [string, ...string[]] {
  if (command === 'node') {
    return [process.execPath];
  }
  return APPS[command] === undefined ? [command] : [process.execPath, binaryPath(command)];
}

/** Path of one of our binaries. @throws Error when it has not been built */
export function binaryPath(command: string): string {
  const app = resolve(repositoryRoot, APPS[command] ?? command);
  if (!existsSync(resolve(app, 'dist/main.js'))) {
    throw new Error(`${command} has not been built: run "npm run build" first`);
  }
  return resolve(app, `bin/${command}.js`);
}

function childEnvironment(added: StartProcessOptions['env'] = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of JEST_VARIABLES) {
    delete env[name];
  }
  env['PATH'] = [dirname(process.execPath), env['PATH'] ?? ''].join(delimiter);
  for (const [name, value] of Object.entries(added)) {
    if (value === undefined) {
      delete env[name];
    } else {
      env[name] = value;
    }
  }
  return env;
}

class RunningProcess implements Running {
  readonly pid: number;
  readonly exit: Promise<Exit>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #stdout = '';
  #stderr = '';

  constructor(name: string, child: ChildProcess) {
    if (child.pid === undefined) {
      throw new Error(`${name} has no pid`);
    }
    this.pid = child.pid;
    this.#name = name;
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#notify();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#notify();
    });
    const callOff = killWithThisProcess(child.pid);
    child.once('exit', callOff);
    this.exit = new Promise((ended) => {
      child.once('exit', (code, signal) => {
        const finish = (): void => {
          clearTimeout(timer);
          ended({ code, signal });
          this.#notify();
        };
        // Its own children may outlive it and hold its pipes open.
        const timer = setTimeout(finish, OUTPUT_GRACE_MS);
        child.once('close', finish);
      });
    });
    track({
      what: `process ${this.pid} (${name})`,
      isOpen: () => this.isRunning,
      close: async () => void (await this.kill()),
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async waitForLine(pattern: RegExp, deadlineMs = DEADLINE_MS): Promise<RegExpMatchArray> {
    return new Promise((found, failed) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const give = (reason: string): void => {
        finish();
        failed(new Error(`${this.#name}: ${reason} ${String(pattern)}\n${this.#report()}`));
      };
      const look = (): void => {
        const match = this.#find(pattern);
        if (match !== null) {
          finish();
          found(match);
        } else if (!this.isRunning && this.#child.stdout?.readableEnded === true) {
          give('ended without a line that matches');
        }
      };
      const timer = setTimeout(
        () => give(`wrote no line within ${deadlineMs} ms that matches`),
        deadlineMs,
      );
      this.#watchers.add(look);
      look();
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.signal(signal);
    return this.exit;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) {
      this.#child.kill(signal);
    }
  }

  #find(pattern: RegExp): RegExpMatchArray | null {
    const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/gu, ''));
    for (const output of [this.#stdout, this.#stderr]) {
      const lines = output.split('\n');
      // The last piece is complete only when the process has ended.
      if (this.isRunning) {
        lines.pop();
      }
      for (const line of lines) {
        const match = line.match(stateless);
        if (match !== null) {
          return match;
        }
      }
    }
    return null;
  }

  #notify(): void {
    for (const watcher of this.#watchers) {
      watcher();
    }
  }

  #report(): string {
    return `stdout:\n${this.#stdout.slice(-2_000)}\nstderr:\n${this.#stderr.slice(-4_000)}`;
  }
}
