import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Running, startProcess, temporaryFolder } from '@fetchfleet/testing';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
/** An ordinary user, whom nothing belongs to. */
const NOBODY = 65_534;

export interface Packed {
  /** Of the tarball. */
  readonly path: string;
  /** Of the tarball, in bytes. */
  readonly size: number;
  /** Of all files, in bytes. */
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** What `npm pack` makes of the built package. */
export async function pack(): Promise<Packed> {
  const { path } = await temporaryFolder('pack');
  const text = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', path], PACKAGE);
  const [packed] = JSON.parse(text) as [Packed & { readonly filename: string }];
  return { ...packed, path: join(path, packed.filename) };
}

/** A package in a folder of a user who cannot write into `node_modules`. */
export class InstalledPackage {
  readonly cwd: string;
  /** Where the user's caches belong. */
  readonly home: string;
  readonly #user: number | undefined;

  private constructor(cwd: string, user: number | undefined) {
    this.cwd = cwd;
    this.home = join(cwd, 'home');
    this.#user = user;
  }

  /** Installs a tarball in an empty folder, without a network. */
  static async install(tarball: string): Promise<InstalledPackage> {
    const { path: cwd } = await temporaryFolder('installed');
    const installed = new InstalledPackage(cwd, process.getuid?.() === 0 ? NOBODY : undefined);
    mkdirSync(installed.home);
    mkdirSync(join(cwd, 'bin'));
    // The user may not be able to read where the Node of the tests is.
    copyFileSync(process.execPath, join(cwd, 'bin/node'));
    writeFileSync(join(cwd, 'package.json'), '{ "private": true }');
    npm(['install', '--offline', '--no-audit', '--no-fund', tarball], cwd);
    installed.#lock(0o555);
    return installed;
  }

  /** Starts one of its programs. */
  async start(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Running> {
    return this.run([join('node_modules/.bin', program), ...args], env);
  }

  /** Starts Node as its user, in a folder of that user. */
  async run(
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
    cwd = this.cwd,
  ): Promise<Running> {
    const path = [join(this.cwd, 'bin'), process.env['PATH']].join(delimiter);
    return startProcess(join(this.cwd, 'bin/node'), args, {
      cwd,
      user: this.#user,
      env: { HOME: this.home, XDG_CACHE_HOME: undefined, REDIS_URL: undefined, PATH: path, ...env },
    });
  }

  /** Lets the folder be removed again. */
  unlock(): void {
    this.#lock(0o755);
  }

  #lock(mode: number): void {
    const modules = join(this.cwd, 'node_modules');
    chmodSync(modules, mode);
    for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) {
        chmodSync(join(entry.parentPath, entry.name), mode);
      }
    }
    if (this.#user !== undefined) {
      chownSync(this.cwd, this.#user, this.#user);
      chownSync(this.home, this.#user, this.#user);
    }
  }
}

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`npm ${args.join(' ')} ended with ${status}:\n${stderr}`);
  }
  return stdout;
}
