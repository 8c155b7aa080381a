import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readError, ResultsChangedError, ResultsUnreadableError } from '../folder/errors.ts';
import { plainName } from '../folder/layout.ts';
import { openRegular, type RegularFile } from '../folder/regular-file.ts';
import { expandPart } from '../zstd/expand-part.ts';
import type { CheckOutOptions } from './store.ts';
import { copyError, TemporaryCopy } from './temporary-copy.ts';

/**
 * A folder with plain copies of compressed parts.
 *
 * @throws ResultsUnreadableError, ResultsChangedError; the reason of the signal
 */
export async function expandParts(
  batch: string,
  parts: readonly RegularFile[],
  { signal, onProgress }: CheckOutOptions = {},
): Promise<TemporaryCopy> {
  const copy = await TemporaryCopy.create(batch);
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  try {
    for (const part of parts) {
      await expandTo(join(copy.folder, plainName(basename(part.path))), part, {
        signal,
        onBytes: (bytes) => {
          done += bytes;
          onProgress?.(done, total);
        },
      });
    }
    return copy;
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

async function expandTo(
  path: string,
  part: RegularFile,
  {
    signal,
    onBytes,
  }: { readonly signal: AbortSignal | undefined; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const explain = (error: unknown): Error => copyError(path, error);
  try {
    await using source = await openRegular(part.path, 'r', part);
    await using target = await open(path, 'wx').catch((error: unknown) => {
      throw explain(error);
    });
    await expandPart({ source, target, size: part.size, signal, onProgress: onBytes, explain });
  } catch (error) {
    const isExplained =
      error instanceof ResultsUnreadableError || error instanceof ResultsChangedError;
    throw isExplained || signal?.aborted === true ? error : readError(part.path, error);
  }
}
