import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import { CopyTooLargeError, ResultsUnreadableError, systemErrorCode } from '../folder/errors.ts';
import { batchFolder } from '../folder/layout.ts';

const NAME = /^fetchfleet-copy-([0-9a-f]{8})-(\d{1,10})-/u;

interface TemporaryCopyOptions {
  readonly maxBytes?: number | undefined;
  readonly parent?: string;
}

/** Copies that this process has not removed yet. */
const copies = new Set<string>();

/**
 * A results folder with a copy of one batch, as long as somebody reads it. Only this user can.
 *
 * It is removed when it is disposed of and when the process exits. One that a killed process has
 * left is removed when the next copy is made on this machine.
 */
export class TemporaryCopy implements AsyncDisposable {
  /** The results folder. */
  readonly dir: string;
  /** The folder of the batch in it. */
  readonly folder: string;
  readonly #batch: string;
  readonly #maxBytes: number;
  #bytes = 0;

  private constructor(dir: string, batch: string, maxBytes: number) {
    this.#batch = batch;
    this.#maxBytes = maxBytes;
    this.dir = dir;
    this.folder = batchFolder(dir, batch);
    if (copies.size === 0) {
      process.on('exit', removeAll);
    }
    copies.add(dir);
  }

  /**
   * @param options.maxBytes see {@link grow}
   * @param options.parent the folder for it
   * @throws ResultsUnreadableError if there is no room for it
   */
  static async create(
    batch: string,
    { maxBytes = Infinity, parent = tmpdir() }: TemporaryCopyOptions = {},
  ): Promise<TemporaryCopy> {
    try {
      await removeAbandonedCopies(parent);
      const dir = await mkdtemp(join(parent, `fetchfleet-copy-${machine()}-${process.pid}-`));
      const copy = new TemporaryCopy(dir, batch, maxBytes);
      await mkdir(copy.folder);
      return copy;
    } catch (error) {
      throw copyError(parent, error);
    }
  }

  /**
   * Counts bytes before they are written: compressed ones may become a thousand times as many.
   *
   * @throws CopyTooLargeError if they are too many
   */
  grow(bytes: number): void {
    this.#bytes += bytes;
    this.refuseLarger(this.#bytes);
  }

  /** @param bytes what it takes at least @throws CopyTooLargeError if that is too much */
  refuseLarger(bytes: number): void {
    if (bytes > this.#maxBytes) {
      throw new CopyTooLargeError(
        `the records of ${this.#batch} take more than ${this.#maxBytes} bytes`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
    copies.delete(this.dir);
    if (copies.size === 0) {
      process.off('exit', removeAll);
    }
  }
}

/** A copy cannot be written. Errors that are not from the system pass unchanged. */
export function copyError(path: string, cause: unknown): Error {
  const code = systemErrorCode(cause);
  if (code === undefined) {
    return toError(cause);
  }
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const reason = isFull ? 'the disk is full' : toError(cause).message;
  return new ResultsUnreadableError(
    `the records have to be copied to be read, and ${path} cannot be written: ${reason}; ` +
      'TMPDIR names another folder for the copy',
    { cause },
  );
}

function removeAll(): void {
  for (const dir of copies) {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Containers may share the folder for temporary files, and do not see each other's processes. */
function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

/** Removes the copies that killed processes have left on this machine. */
export async function removeAbandonedCopies(parent = tmpdir()): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, host, pid] = NAME.exec(name) ?? [];
    const path = join(parent, name);
    if (host === machine() && pid !== undefined && !isInUse(path, Number(pid))) {
      await removeOwn(path);
    }
  }
}

/** Everybody may put something into the folder for temporary files. */
async function removeOwn(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // another process was faster
  if (found?.isDirectory() === true && found.uid === process.getuid?.()) {
    await rm(path, { recursive: true, force: true }).catch(() => undefined); // tried again later
  }
}

/** A container that starts again has the same process ids as before. */
function isInUse(path: string, pid: number): boolean {
  if (pid === process.pid) {
    return copies.has(path);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}
