import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const KILL_AFTER_MS = 5_000;
/** A document of a command is smaller. */
const MAX_OUTPUT = 16 * 1024 * 1024;
const MAX_MESSAGES = 256 * 1024;

export interface ProgramOptions {
  /** Path of `fetchfleet`. @default the one of this installation */
  readonly path?: string;
  /** REDIS_URL, FETCHFLEET_FLEET and everything else that a command reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Ended {
  /** Null if a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line, as a process for each command. */
export class Program {
  readonly #path: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor({ path, env }: ProgramOptions) {
    this.#path = path ?? fileURLToPath(import.meta.resolve('@fetchfleet/producer/bin'));
    // What viewers have to know is nothing that a command has to.
    this.#env = { ...env, FETCHFLEET_WEB_TOKEN: undefined };
  }

  /** Starts it. No shell reads the arguments. */
  start(args: readonly string[], cwd: string): ChildProcess {
    const flags = process.execArgv.filter((flag) => flag.startsWith('--conditions='));
    return spawn(process.execPath, [...flags, this.#path, ...args], {
      cwd,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Runs a command to its end, or for so long. */
  async run(
    args: readonly string[],
    { cwd, timeoutMs }: { readonly cwd: string; readonly timeoutMs: number },
  ): Promise<Ended> {
    const child = this.start(args, cwd);
    const timer = setTimeout(() => endChild(child), timeoutMs);
    const stdout = collect(child, 'stdout', MAX_OUTPUT);
    const stderr = collect(child, 'stderr', MAX_MESSAGES);
    try {
      const exitCode = await exitOf(child);
      return { exitCode, stdout: stdout(), stderr: stderr() };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Resolves when it has ended and its output is complete. Rejects if it could not be started. */
export async function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}

/** Lets it end in order, and kills it after 5 s. */
export function endChild(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  child.once('close', () => clearTimeout(timer));
}

/** What it writes, as far as there is room. */
function collect(child: ChildProcess, name: 'stdout' | 'stderr', maxBytes: number): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  child[name]?.on('data', (chunk: Buffer) => {
    if (bytes + chunk.length <= maxBytes) {
      chunks.push(chunk);
    }
    bytes += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
