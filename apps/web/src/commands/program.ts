import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Place } from '@fetchfleet/results/place';

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

/**
 * What a process gets of the environment.
 *
 * - `fleet`: what it needs to run at all, and to find the fleet. A crawl file of a viewer may name
 *   any variable: here it has no secrets to name.
 * - `results`: also what opens S3 and databases.
 * - `everything`: secrets of crawls as well.
 */
type Surroundings = 'fleet' | 'results' | 'everything';

interface StartOptions {
  readonly cwd: string;
  /** @default 'fleet' */
  readonly surroundings?: Surroundings;
  /** Who has asked for it, for the events of batches. @default the user of this process */
  readonly by?: string;
  /** Context of the span that it is a part of. @default none */
  readonly trace?: string | undefined;
}

const NEEDED = /^(?:PATH|HOME|TMPDIR|LANG|LC_\w+|TZ|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|REDIS_\w+)$/u;
const OURS = /^FETCHFLEET_/u;
/** Secrets of crawls, and what viewers have to know. */
const SECRET = /^FETCHFLEET_(?:SECRET_|WEB_)/u;
/** What S3 and PostgreSQL read. */
const OF_RESULTS = /^(?:AWS_\w+|PG[A-Z]+)$/u;

export interface Ended {
  /** Null if a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line, as a process for each command. */
export class Program {
  readonly #path: string;
  readonly #env: ProgramOptions['env'];

  constructor({ path, env }: ProgramOptions) {
    this.#path = path ?? fileURLToPath(import.meta.resolve('#producer'));
    this.#env = env;
  }

  /** Starts it. No shell reads the arguments. */
  start(
    args: readonly string[],
    { cwd, surroundings = 'fleet', by, trace }: StartOptions,
  ): ChildProcess {
    const flags = process.execArgv.filter((flag) => flag.startsWith('--conditions='));
    return spawn(process.execPath, [...flags, this.#path, ...args], {
      cwd,
      env: { ...this.#envFor(surroundings, by), TRACEPARENT: trace },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  #envFor(surroundings: Surroundings, by?: string): Record<string, string | undefined> {
    const env = Object.fromEntries(
      Object.entries(this.#env).filter(([name]) => isPassedOn(name, surroundings)),
    );
    const results = env['FETCHFLEET_RESULTS'];
    if (surroundings === 'fleet' && results !== undefined) {
      // The address of a database may hold its password.
      env['FETCHFLEET_RESULTS'] = Place.parse(results, '/').location;
    }
    return by === undefined ? env : { ...env, FETCHFLEET_BY: by };
  }

  /** Runs a command to its end, or until it is told to end. */
  async run(
    args: readonly string[],
    { signal, ...options }: StartOptions & { readonly signal: AbortSignal },
  ): Promise<Ended> {
    const child = this.start(args, options);
    const end = (): void => endChild(child);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) {
      end();
    }
    const stdout = collect(child, 'stdout', MAX_OUTPUT);
    const stderr = collect(child, 'stderr', MAX_MESSAGES);
    try {
      const exitCode = await exitOf(child);
      return { exitCode, stdout: stdout(), stderr: stderr() };
    } finally {
      signal.removeEventListener('abort', end);
    }
  }
}

function isPassedOn(name: string, surroundings: Surroundings): boolean {
  if (surroundings === 'everything') {
    return name !== 'FETCHFLEET_WEB_TOKEN' && !name.startsWith('OTEL_');
  }
  const isOfFleet = NEEDED.test(name) || (OURS.test(name) && !SECRET.test(name));
  return isOfFleet || (surroundings === 'results' && OF_RESULTS.test(name));
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
