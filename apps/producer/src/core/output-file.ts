import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { isS3Address } from '@fetchfleet/results';
import { CommandError } from './errors.ts';
import type { Context } from './context.ts';
import { writeOutputObject } from './output-object.ts';

/** Writes the content of a file to a stream, and does not end the stream. */
export type Write<T> = (out: Writable, signal?: AbortSignal) => Promise<T>;

/** Where a command wrote: the absolute path of a file, or the address of an object. */
export function outputLocation(output: string, { cwd }: Pick<Context, 'cwd'>): string {
  return isS3Address(output) ? output : resolve(cwd, output);
}

/** How a file with such an ending is compressed. */
const COMPRESSORS: readonly (readonly [ending: string, create: () => Transform])[] = [
  ['.gz', createGzip],
  ['.zst', createZstdCompress],
];

/** The ending that has a file compressed, if this one has it. */
export function compressedEnding(output: string): string | undefined {
  return COMPRESSORS.find(([ending]) => output.endsWith(ending))?.[0];
}

/** Which of some formats the name of a file ends in, before `.gz` or `.zst`. */
export function formatNamed<T extends string>(
  output: string,
  formats: readonly T[],
): T | undefined {
  const name = output.slice(0, output.length - (compressedEnding(output)?.length ?? 0));
  return formats.find((one) => name.endsWith(`.${one}`));
}

/**
 * Writes a file completely or not at all: it writes a temporary file and renames it when everything
 * is on disk, so that a killed process leaves no partial file under the name. Writes directly to
 * pipes and devices. If the name is a link, replaces the file that the link points at. A file that
 * is replaced keeps its permissions. A name that ends in `.gz` or `.zst` has the file compressed.
 * `s3://BUCKET/KEY` is an object, which also appears whole or not at all.
 *
 * @throws CommandError (exit 3) if the file cannot be written
 */
export async function writeOutputFile<T>(
  output: string,
  write: Write<T>,
  { cwd, env, interrupts }: Pick<Context, 'cwd' | 'env' | 'interrupts'>,
): Promise<T> {
  const interruptible: Write<T> = async (out) => write(out, interrupts.takeOver().drain);
  if (isS3Address(output)) {
    return writeOutputObject(output, compressed(output, interruptible), env);
  }
  const target = await realpath(resolve(cwd, output)).catch(() => resolve(cwd, output));
  const existing = await stat(target).catch(() => undefined); // usually it does not exist
  try {
    if (existing !== undefined && !existing.isFile()) {
      return await writeDirectly(target, compressed(output, write));
    }
    return await replace(target, existing, compressed(output, interruptible));
  } catch (error) {
    throw isAboutOutput(error) ? unwritable(output, error) : error;
  }
}

/** The same content, compressed if the name of the file says so. */
function compressed<T>(output: string, write: Write<T>): Write<T> {
  const [, create] = COMPRESSORS.find(([ending]) => output.endsWith(ending)) ?? [];
  if (create === undefined) {
    return write;
  }
  return async (file, signal) => {
    const compressor = create();
    const flowing = pipeline(compressor, file, { end: false });
    // If the file fails, the compressor is destroyed with its error, and so fails `write`.
    flowing.catch(() => undefined);
    try {
      const result = await write(compressor, signal);
      compressor.end();
      await flowing;
      return result;
    } finally {
      compressor.destroy();
    }
  };
}

/** There is nothing to clean up, so the first signal may end the process. */
async function writeDirectly<T>(target: string, write: Write<T>): Promise<T> {
  const file = await open(target, 'w');
  return writeAll(file, write, { flush: false });
}

async function replace<T>(
  target: string,
  existing: Stats | undefined,
  write: Write<T>,
): Promise<T> {
  const temporary = `${target}.${randomUUID().slice(0, 8)}.tmp`;
  const file = await open(temporary, 'wx');
  try {
    if (existing !== undefined) {
      await file.chmod(existing.mode & 0o777); // whatever the umask says
    }
    const result = await writeAll(file, write, { flush: true });
    await rename(temporary, target);
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** @param options.flush resolves only when everything is on disk */
async function writeAll<T>(
  file: FileHandle,
  write: Write<T>,
  options: { readonly flush: boolean },
): Promise<T> {
  try {
    const out = file.createWriteStream(options);
    const result = await write(out);
    out.end();
    await finished(out); // flushed and closed
    return result;
  } catch (error) {
    await file.close().catch(() => undefined); // it may be closed already
    throw error;
  }
}

/** The results package wraps its errors, so a bare error of the file system is about the output. */
function isAboutOutput(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.name === 'Error';
}

/** @returns a CommandError (exit 3) with the reason of the file system */
export function unwritable(output: string, cause: unknown): CommandError {
  // The message goes on with the name of the temporary file.
  const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split(',');
  return new CommandError(`${output} cannot be written: ${reason}`, {
    code: 'OUTPUT_UNWRITABLE',
    cause,
  });
}
