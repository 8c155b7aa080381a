import { type BigIntStats, closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { readError, ResultsChangedError, UnfitFileError } from './errors.ts';

/*
 * Whoever may write to a results folder can put anything at the path of a file: a link to a file
 * elsewhere, a pipe that keeps its reader waiting, a device without an end. Files in a results
 * folder are therefore opened here and nowhere else, and only if they are regular files.
 */

/** An open of a link fails, and an open of a pipe does not wait for its other end. */
const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ = SAFELY | constants.O_RDONLY;
const WRITE = SAFELY | constants.O_RDWR;

/** Tells a file from another one that has its path later. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

export interface RegularFile extends FileIdentity {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** What is at a path. @throws UnfitFileError, ResultsUnreadableError, ResultsChangedError */
export async function findRegular(path: string): Promise<RegularFile> {
  const stats = await lstat(path, { bigint: true }).catch((error: unknown) => {
    throw readError(path, error);
  });
  return regular(path, stats);
}

/**
 * Opens a file for reading, or for writing without changing its length.
 *
 * @param known what must be at the path. @default any regular file
 * @throws the error of the file system; UnfitFileError; ResultsChangedError if it is another file
 */
export async function openRegular(
  path: string,
  access: 'r' | 'r+',
  known?: FileIdentity,
): Promise<FileHandle> {
  // Not even opened: that alone may do something to a device.
  regular(path, await lstat(path, { bigint: true }));
  const handle = await open(path, access === 'r' ? READ : WRITE);
  try {
    assertKnown(regular(path, await handle.stat({ bigint: true })), known);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Like {@link openRegular}, but synchronous, and for a file that was found before.
 *
 * @returns a file descriptor
 */
export function openFoundSync(file: RegularFile): number {
  const { path } = file;
  const descriptor = openSync(path, READ);
  try {
    assertKnown(regular(path, fstatSync(descriptor, { bigint: true })), file);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Reads a file as a whole. @throws as {@link openRegular} does, also if it has more bytes */
export async function readSmall(path: string, maxBytes: number): Promise<string> {
  const handle = await openRegular(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) {
      throw new UnfitFileError(`${path} has ${size} bytes; at most ${maxBytes} are read`);
    }
    // One byte more shows whether the file has grown meanwhile.
    const buffer = Buffer.alloc(size + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) {
        return buffer.toString('utf8', 0, length);
      }
      length += bytesRead;
    }
    throw new ResultsChangedError(`${path} became longer while it was read`);
  } finally {
    await handle.close();
  }
}

/**
 * Refuses a folder that is a link. The results folder itself may be one, because the operator has
 * chosen it; in it, a link leads to where whoever made it wants.
 *
 * @throws UnfitFileError; the error of the file system
 */
export async function refuseLink(folder: string): Promise<void> {
  if ((await lstat(folder)).isSymbolicLink()) {
    throw new UnfitFileError(`${folder} is a symbolic link, not a folder`);
  }
}

function regular(path: string, stats: BigIntStats): RegularFile {
  if (!stats.isFile()) {
    throw new UnfitFileError(`${path} is ${kindOf(stats)}, not a regular file`);
  }
  return { path, dev: stats.dev, ino: stats.ino, size: Number(stats.size) };
}

function assertKnown(file: RegularFile, known: FileIdentity | undefined): void {
  if (known !== undefined && !isSameFile(file, known)) {
    throw new ResultsChangedError(`${file.path} was replaced by another file`);
  }
}

/** What is no regular file, in words. */
export function kindOf(stats: Stats | BigIntStats): string {
  if (stats.isSymbolicLink()) {
    return 'a symbolic link';
  }
  if (stats.isDirectory()) {
    return 'a folder';
  }
  if (stats.isFIFO()) {
    return 'a named pipe';
  }
  return stats.isSocket() ? 'a socket' : 'a device';
}
