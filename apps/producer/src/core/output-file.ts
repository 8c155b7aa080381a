import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CommandError } from './errors.ts';
import type { Context } from './context.ts';

/** Writes what a file is to hold. It neither ends nor keeps the stream. */
export type Write<T> = (out: Writable, signal?: AbortSignal) => Promise<T>;

/**
 * Writes a file whole or not at all: a draft beside the target takes its name when everything is on disk, so
 * that also a killed process leaves no half file behind under that name. Pipes and devices are written
 * to directly, and what a link points at takes the place of the link.
 */
export async function writeOutputFile<T>(
  output: string,
  write: Write<T>,
  { cwd, interrupts }: Pick<Context, 'cwd' | 'interrupts'>,
): Promise<T> {
  const target = await realpath(resolve(cwd, output)).catch(() => resolve(cwd, output));
  const present = await stat(target).catch(() => undefined); // not there yet, mostly
  try {
    if (present !== undefined && !present.isFile()) return await writeDirectly(target, write);
    return await replace(target, present, async (out) => write(out, interrupts.takeOver().drain));
  } catch (error) {
    throw isAboutOutput(error) ? unwritable(output, error) : error;
  }
}

/** Nothing is to be put in order here, so that the first signal may end the process. */
async function writeDirectly<T>(target: string, write: Write<T>): Promise<T> {
  const file = await open(target, 'w');
  return writeAll(file, write, { flush: false });
}

async function replace<T>(target: string, present: Stats | undefined, write: Write<T>): Promise<T> {
  const draft = `${target}.${randomUUID().slice(0, 8)}.tmp`;
  const file = await open(draft, 'wx', present?.mode);
  try {
    const result = await writeAll(file, write, { flush: true });
    await rename(draft, target);
    return result;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** @param options `flush`: what was written is on disk when this resolves */
async function writeAll<T>(
  file: FileHandle,
  write: Write<T>,
  options: { readonly flush: boolean },
): Promise<T> {
  try {
    const out = file.createWriteStream(options);
    const result = await write(out);
    out.end();
    await finished(out); // synced and closed
    return result;
  } catch (error) {
    await file.close().catch(() => undefined); // it may be closed already
    throw error;
  }
}

/** An error of the file system that the results package did not explain is one of our own file. */
function isAboutOutput(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.name === 'Error';
}

function unwritable(output: string, cause: unknown): CommandError {
  // The rest of the message names a temporary file.
  const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split(',');
  return new CommandError(`${output} cannot be written: ${reason}`, {
    code: 'OUTPUT_UNWRITABLE',
    cause,
  });
}
