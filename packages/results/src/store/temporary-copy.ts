import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { TemporaryFolder, toError } from '@fetchfleet/crawl';
import { CopyTooLargeError, ResultsUnreadableError, systemErrorCode } from '../folder/errors.ts';
import { batchFolder } from '../folder/layout.ts';

interface TemporaryCopyOptions {
  readonly maxBytes?: number | undefined;
  readonly parent?: string;
}

/** A results folder with a copy of one batch, as long as somebody reads it. */
export class TemporaryCopy implements AsyncDisposable {
  /** The results folder. */
  readonly dir: string;
  /** The folder of the batch in it. */
  readonly folder: string;
  readonly #holder: TemporaryFolder;
  readonly #batch: string;
  readonly #maxBytes: number;
  #bytes = 0;

  private constructor(holder: TemporaryFolder, batch: string, maxBytes: number) {
    this.#holder = holder;
    this.#batch = batch;
    this.#maxBytes = maxBytes;
    this.dir = holder.path;
    this.folder = batchFolder(this.dir, batch);
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
      const holder = await TemporaryFolder.create('copy', parent);
      const copy = new TemporaryCopy(holder, batch, maxBytes);
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
    await this.#holder[Symbol.asyncDispose]();
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
