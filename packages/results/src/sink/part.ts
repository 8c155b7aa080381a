import { open, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../folder/durable-folder.ts';
import { partPath } from '../folder/layout.ts';
import { systemErrorCode } from '../folder/system-error.ts';

/** How much is encoded and handed to the kernel at once: bounds the second copy of a large append. */
const CHUNK_CHARACTERS = 4 * 1024 * 1024;

/** The inode a path had when it was created; another one means that somebody moved or removed the file. */
interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * One NDJSON file that only this object writes to.
 *
 *     created ──append──▶ durable up to `length` ──append fails──▶ abandon: cut back to `length`, never written again
 *                             │    ▲
 *                           close  append (opens it again)
 *
 * After a failed write or sync the kernel may have dropped pages and may call the next sync a success, so
 * what follows a failure always goes to another file.
 */
export class Part {
  readonly path: string;
  /** The `<n>` of its name. */
  readonly number: number;
  readonly #identity: Identity;
  #handle: FileHandle | undefined;
  #length = 0;

  private constructor(path: string, number: number, opened: [FileHandle, Identity]) {
    this.path = path;
    this.number = number;
    [this.#handle, this.#identity] = opened;
  }

  /** Creates the first part that is still free, counting from `number`. */
  static async create(folder: string, worker: string, number: number): Promise<Part> {
    for (let candidate = number; ; candidate += 1) {
      const path = partPath(folder, worker, candidate);
      const opened = await createFile(path);
      if (opened !== undefined) return new Part(path, candidate, opened);
    }
  }

  /** Durable bytes. */
  get length(): number {
    return this.#length;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /** Writes the lines behind what is there and syncs once; returns their bytes. */
  async append(lines: readonly string[]): Promise<number> {
    const handle = (this.#handle ??= await open(this.path, 'r+'));
    let end = this.#length;
    for (const chunk of encode(lines)) {
      await writeFully(handle, chunk, end);
      end += chunk.length;
    }
    await handle.datasync();
    await this.#assertInPlace();
    const bytes = end - this.#length;
    this.#length = end;
    return bytes;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /**
   * Cuts off what is not durable and closes. It may fail like the write did, and that is harmless:
   * readers skip a torn line and take one of two equal records.
   */
  async abandon(): Promise<void> {
    const isEmpty = this.#length === 0;
    await Promise.allSettled([isEmpty ? unlink(this.path) : this.#handle?.truncate(this.#length)]);
    await Promise.allSettled([this.close()]);
  }

  /** Writing to a removed file succeeds, and is lost: only its name tells. */
  async #assertInPlace(): Promise<void> {
    const { dev, ino } = await stat(this.path, { bigint: true });
    if (dev === this.#identity.dev && ino === this.#identity.ino) return;
    throw new Error('the file was replaced while it was being written');
  }
}

async function createFile(path: string): Promise<[FileHandle, Identity] | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    await syncFolder(dirname(path));
    return [handle, { dev, ino }];
  } catch (error) {
    await Promise.allSettled([handle.close(), unlink(path)]);
    throw error;
  }
}

function* encode(lines: readonly string[]): Generator<Buffer> {
  let first = 0;
  let characters = 0;
  for (const [position, line] of lines.entries()) {
    characters += line.length;
    if (characters < CHUNK_CHARACTERS && position < lines.length - 1) continue;
    yield Buffer.from(`${lines.slice(first, position + 1).join('\n')}\n`);
    first = position + 1;
    characters = 0;
  }
}

/** A write may take less than it was given, for instance when the disk fills up in the middle. */
async function writeFully(handle: FileHandle, data: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done);
    if (bytesWritten === 0) throw new Error('the file system took no more bytes');
    done += bytesWritten;
  }
}
