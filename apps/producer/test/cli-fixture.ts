import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  isAlive,
  type Running,
  startProcess,
  type TemporaryFolder,
  temporaryFolder,
} from '@fetchfleet/testing';
import { redisFolderOf } from '../src/local/redis-folder.ts';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

let projects = 0;

/** What a command has left behind when it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder in which the CLI is used, without Redis unless one is named, and with a fleet of its own. */
export class Project {
  readonly folder: TemporaryFolder;
  readonly #env: Record<string, string | undefined>;

  private constructor(folder: TemporaryFolder, redisUrl: string | undefined) {
    this.folder = folder;
    this.#env = {
      REDIS_URL: redisUrl,
      npm_command: undefined, // under npm our program calls itself `npx fetchfleet`
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

  /** Starts a command of ours; by default `fetchfleet`. */
  async start(
    args: readonly string[],
    options: { readonly env?: Record<string, string | undefined>; readonly command?: string } = {},
  ): Promise<Running> {
    return startProcess(options.command ?? 'fetchfleet', args, {
      cwd: this.folder.path,
      env: { ...this.#env, ...options.env },
    });
  }

  /** Runs the CLI to its end. */
  async run(args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Ended> {
    const running = await this.start(args, { env });
    const { code } = await running.exit;
    return { code, stdout: running.stdout, stderr: running.stderr };
  }

  /** Processes that run on behalf of this folder: Redis, its keeper, workers. */
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
          return false; // it has ended meanwhile
        }
      })
      .map(Number)
      .filter((pid) => isAlive(pid));
  }

  /** Waits until nothing runs on behalf of the folder any more, and removes it. */
  async remove(): Promise<void> {
    await eventually(() => this.processes().length === 0, { deadlineMs: 20_000 });
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
