import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  eventually,
  isAlive,
  type Running,
  startProcess,
  type TemporaryFolder,
  temporaryFolder,
} from '@fetchfleet/testing';
import { Interrupts } from '../src/core/interrupts.ts';
import { Terminal } from '../src/core/terminal.ts';
import { runCommand } from '../src/program/run-command.ts';
import { redisFolderOf } from '../src/local/redis-folder.ts';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

let projects = 0;

/** What a command has written. */
class Collected extends Writable {
  text = '';

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

/** The result of a command. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder to run commands in, with a fleet of its own; without Redis unless one is given. */
export class Project {
  readonly folder: TemporaryFolder;
  readonly #env: Record<string, string | undefined>;

  private constructor(folder: TemporaryFolder, redisUrl: string | undefined) {
    this.folder = folder;
    this.#env = {
      REDIS_URL: redisUrl,
      npm_command: undefined, // under npm, the program calls itself `npx fetchfleet`
      FETCHFLEET_FLEET: `p-${process.pid}-${Date.now().toString(36)}-${projects++}`,
    };
  }

  static async create(redisUrl?: string): Promise<Project> {
    return new Project(await temporaryFolder('producer'), redisUrl);
  }

  get env(): Readonly<Record<string, string | undefined>> {
    return this.#env;
  }

  path(...names: string[]): string {
    return join(this.folder.path, ...names);
  }

  async write(name: string, text: string): Promise<string> {
    await writeFile(this.path(name), text);
    return name;
  }

  /** Starts one of our programs. @param options.command @default 'fetchfleet' */
  async start(
    args: readonly string[],
    options: { readonly env?: Record<string, string | undefined>; readonly command?: string } = {},
  ): Promise<Running> {
    return startProcess(options.command ?? 'fetchfleet', args, {
      cwd: this.folder.path,
      env: { ...this.#env, ...options.env },
    });
  }

  /** Runs `fetchfleet` to its end. */
  async run(args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Ended> {
    const running = await this.start(args, { env });
    const { code } = await running.exit;
    return { code, stdout: running.stdout, stderr: running.stderr };
  }

  /**
   * Runs a command to its end within this process, for a fifth of the CPU time of a process. For
   * commands that start no process and wait for no signal.
   *
   * @param columns of a terminal that gets all output. @default none: pipes
   */
  async call(
    args: readonly string[],
    env: Record<string, string | undefined> = {},
    columns?: number,
  ): Promise<Ended> {
    const size = columns === undefined ? {} : { isTTY: true, columns };
    const stdout = Object.assign(new Collected(), size);
    const stderr = Object.assign(new Collected(), size);
    const code = await runCommand(args, {
      env: { ...this.#env, ...env },
      cwd: this.folder.path,
      terminal: new Terminal({ stdout, stderr }),
      interrupts: new Interrupts(() => undefined),
    });
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** Processes of this folder: Redis, its supervisor, workers. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/u.test(name))
      .filter((name) => {
        try {
          const { path } = redisFolderOf(this.folder.path);
          const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
          return (
            readlinkSync(`/proc/${name}/cwd`).startsWith(path) || command.includes(this.folder.path)
          );
        } catch {
          return false; // the process ended meanwhile
        }
      })
      .map(Number)
      .filter((pid) => isAlive(pid));
  }

  /** Waits until no process of the folder runs any more, and removes the folder. */
  async remove(): Promise<void> {
    await eventually(() => this.processes().length === 0);
    await this.folder.remove();
  }
}

/** A crawl file over `count` paths of an origin. */
export function crawlFile(origin: string, count: number, extra = ''): string {
  return [
    'name: test',
    `url: ${origin}/echo/{n}`,
    `params: { n: { from: 1, to: ${count} } }`,
    'network: { allowPrivate: true }',
    'politeness: { concurrency: unlimited, robots: ignore }',
    extra,
  ].join('\n');
}
