import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RecordLine } from '@fetchfleet/crawl';
import { syncFolder } from '../folder/durable-folder.ts';
import { systemErrorCode } from '../folder/errors.ts';
import { type PartName, partPath } from '../folder/layout.ts';
import { type FileIdentity, isSameFile, openRegular, refuseLink } from '../folder/regular-file.ts';
import { compressFrame } from '../zstd/compress-frame.ts';
import { encodeLines } from './encode-lines.ts';

/**
 * One file of NDJSON, plain or with a frame of zstd for each write. Only this object writes to it.
 *
 *     created ──write, sync──▶ durable up to `length` ──one fails──▶ abandoned: truncated to
 *                                  │    ▲                            `length`, never written again
 *                                close  write (opens it again)
 *
 * The next lines may be written while the last ones are synced, but only one write at a time.
 *
 * Anything else may be at its path later. What is there is written to, truncated or removed only if
 * it is the file that was created.
 *
 * After a failed write or sync the kernel may have dropped pages and may still report success for
 * the next sync. Records after a failure therefore always go to a new file.
 */
export class Part {
  readonly path: string;
  /** The `<n>` in its name. */
  readonly number: number;
  readonly #isCompressed: boolean;
  readonly #identity: FileIdentity;
  #handle: FileHandle | undefined;
  #size = 0;
  #length = 0;
  #written: Promise<unknown> = Promise.resolve();
  #synced: Promise<void> = Promise.resolve();
  #abandoned: Promise<void> | undefined;

  private constructor(path: string, name: PartName, opened: [FileHandle, FileIdentity]) {
    this.path = path;
    this.number = name.number;
    this.#isCompressed = name.compression !== 'none';
    [this.#handle, this.#identity] = opened;
  }

  /** Creates a part with the lowest unused number, starting at that of `first`. */
  static async create(folder: string, first: PartName): Promise<Part> {
    for (let { number } = first; ; number += 1) {
      const name = { ...first, number };
      const path = partPath(folder, name);
      const opened = await createFile(path);
      if (opened !== undefined) {
        return new Part(path, name, opened);
      }
    }
  }

  /** Length in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Durable length in bytes. */
  get length(): number {
    return this.#length;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /** Appends the lines; `sync` makes them durable. @returns the bytes written */
  async write(lines: readonly RecordLine[]): Promise<number> {
    const writing = this.#write(lines);
    this.#written = writing;
    return writing;
  }

  /** Makes durable what is written. Fails if an earlier sync has failed. */
  async sync(): Promise<void> {
    const syncing = this.#sync(this.#synced, this.#size);
    this.#synced = syncing;
    return syncing;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#synced]);
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /**
   * Truncates the file to its durable length and closes it. Failing to do so is harmless: readers
   * skip a torn line and keep one of two equal records.
   */
  async abandon(): Promise<void> {
    this.#abandoned ??= this.#abandon();
    return this.#abandoned;
  }

  async #write(lines: readonly RecordLine[]): Promise<number> {
    const handle = (this.#handle ??= await this.#reopen());
    const start = this.#size;
    let end = start;
    const write = async (chunks: readonly Uint8Array[]): Promise<void> => {
      end = await writeFully(handle, chunks, end);
    };
    if (this.#isCompressed) {
      await compressFrame(encodeLines(lines), async (chunk) => write([chunk]));
    } else {
      for (const chunks of encodeLines(lines)) {
        await write(chunks);
      }
    }
    this.#size = end;
    return end - start;
  }

  async #sync(earlier: Promise<void>, size: number): Promise<void> {
    await earlier;
    if (this.#handle === undefined) {
      throw new Error('the file was closed before it was synced');
    }
    await this.#handle.datasync();
    await this.#assertInPlace();
    this.#length = size;
  }

  async #abandon(): Promise<void> {
    await Promise.allSettled([this.#written, this.#synced]);
    await Promise.allSettled([this.#cutBack()]);
    await Promise.allSettled([this.close()]);
  }

  async #cutBack(): Promise<void> {
    await this.#assertInPlace();
    await (this.#length === 0 ? unlink(this.path) : this.#handle?.truncate(this.#length));
  }

  async #reopen(): Promise<FileHandle> {
    const handle = await openRegular(this.path, 'r+', this.#identity);
    const { size } = await handle.stat();
    if (size === this.#length) {
      return handle;
    }
    await handle.close();
    throw new Error(`the file has ${size} bytes, but ${this.#length} were written to it`);
  }

  /** Writes to a removed file succeed but are lost. Only its path shows that. */
  async #assertInPlace(): Promise<void> {
    const found = await lstat(this.path, { bigint: true });
    if (!isSameFile(found, this.#identity)) {
      throw new Error('the file was replaced while it was being written');
    }
  }
}

/** @returns undefined if something has this name */
async function createFile(path: string): Promise<[FileHandle, FileIdentity] | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') {
      return undefined;
    }
    throw error;
  }
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    await refuseLink(dirname(path));
    await syncFolder(dirname(path));
    return [handle, { dev, ino }];
  } catch (error) {
    await Promise.allSettled([handle.close(), unlink(path)]);
    throw error;
  }
}

/**
 * A write can be short, for example when the disk fills up during it.
 *
 * @returns the position behind what was written
 */
async function writeFully(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<number> {
  let at = position;
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    if (bytesWritten === 0) {
      throw new Error('the file system accepted no more bytes');
    }
    at += bytesWritten;
    rest = behind(rest, bytesWritten);
  }
  return at;
}

/** What is left of chunks without their first bytes. */
function behind(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [position, chunk] of chunks.entries()) {
    if (chunk.length > left) {
      return [chunk.subarray(left), ...chunks.slice(position + 1)];
    }
    left -= chunk.length;
  }
  return [];
}
