import { glob, mkdir, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { hasOwnMounts, mount, mountMemory, unmount } from './namespace.ts';

const SIZE_MIB = 192;
const CHUNK = Buffer.alloc(1024 * 1024);

/** The disk of the results, and what can happen to it. */
export class ResultsDisk {
  /** The results folder of the fleet. */
  readonly path: string;
  readonly #disk: string;
  #isSwapped = false;

  private constructor(disk: string) {
    this.#disk = disk;
    this.path = join(disk, 'results');
  }

  static async create(folder: string): Promise<ResultsDisk> {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    await mountMemory(disk, SIZE_MIB);
    const results = new ResultsDisk(disk);
    await mkdir(results.path, { mode: 0o700 });
    return results;
  }

  /** Whether it is a small disk of its own, which can be full and read-only. */
  get isSmall(): boolean {
    return hasOwnMounts();
  }

  /** Whether the results of the fleet are at their path. */
  get isThere(): boolean {
    return !this.#isSwapped;
  }

  /** @returns what makes room again */
  async fill(): Promise<() => Promise<void>> {
    const ballast = join(this.#disk, 'ballast');
    const file = await open(ballast, 'w');
    try {
      for (let written = 0; written < 2 * SIZE_MIB; written += 1) {
        await file.write(CHUNK);
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) {
        throw error;
      }
    } finally {
      await file.close();
    }
    return async () => rm(ballast);
  }

  /** Nothing new can be opened for writing. Open files stay so, as the kernel wants it. */
  async forbidWriting(): Promise<() => Promise<void>> {
    // Elsewhere first: a mount cannot become read-only once a worker has opened a file there.
    const aside = join(this.#disk, 'read-only');
    await mkdir(aside, { recursive: true });
    await mount('--bind', this.path, aside);
    await mount('-o', 'remount,bind,ro', aside);
    await mount('--bind', aside, this.path);
    await unmount(aside);
    return async () => unmount(this.path);
  }

  /** Empties a part. @returns false if there is none with records */
  async lose(): Promise<boolean> {
    for await (const name of glob('*/part-*.ndjson', { cwd: this.path })) {
      const part = join(this.path, name);
      if ((await stat(part)).size > 0) {
        await truncate(part);
        return true;
      }
    }
    return false;
  }

  /** Another folder takes its place, as if a volume was unmounted. */
  async swap(): Promise<() => Promise<void>> {
    const away = join(this.#disk, 'away');
    this.#isSwapped = true;
    await rename(this.path, away);
    await mkdir(this.path, { mode: 0o700 });
    return async () => {
      await rename(this.path, join(this.#disk, `strange-${Date.now()}`));
      await rename(away, this.path);
      this.#isSwapped = false;
    };
  }
}
