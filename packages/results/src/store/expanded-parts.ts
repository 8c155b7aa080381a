import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  CopyTooLargeError,
  readError,
  ResultsChangedError,
  ResultsUnreadableError,
} from '../folder/errors.ts';
import { plainName } from '../folder/layout.ts';
import { openRegular, type RegularFile } from '../folder/regular-file.ts';
import { expandPart } from '../zstd/expand-part.ts';
import type { CheckOutOptions } from './store.ts';
import { copyError, TemporaryCopy } from './temporary-copy.ts';

/**
 * A folder with plain copies of compressed parts.
 *
 * @throws ResultsUnreadableError, ResultsChangedError, CopyTooLargeError; the reason of the signal
 */
export async function expandParts(
  batch: string,
  parts: readonly RegularFile[],
  { signal, onProgress, maxBytes }: CheckOutOptions = {},
): Promise<TemporaryCopy> {
  const copy = await TemporaryCopy.create(batch, { maxBytes });
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  try {
    for (const part of parts) {
      await expandFile(part, join(copy.folder, plainName(basename(part.path))), {
        signal,
        onWrite: (bytes) => copy.grow(bytes),
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

interface ExpandFileOptions {
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes of the part that were read since the last call. */
  readonly onBytes?: (bytes: number) => void;
  /** Called before bytes are written; what it throws ends the copy. */
  readonly onWrite?: (bytes: number) => void;
}

/**
 * Writes the plain copy of a compressed part, in place of what is at the path.
 *
 * @returns whether the part is whole
 * @throws ResultsUnreadableError, ResultsChangedError; the reason of the signal
 */
export async function expandFile(
  part: RegularFile,
  path: string,
  { signal, onBytes: onProgress = () => undefined, onWrite }: ExpandFileOptions,
): Promise<boolean> {
  const explain = (error: unknown): Error => copyError(path, error);
  try {
    await using source = await openRegular(part.path, 'r', part);
    await using target = await open(path, 'w').catch((error: unknown) => {
      throw explain(error);
    });
    return await expandPart({
      source,
      target,
      size: part.size,
      signal,
      onProgress,
      explain,
      ...(onWrite && { onWrite }),
    });
  } catch (error) {
    const isExplained = [ResultsUnreadableError, ResultsChangedError, CopyTooLargeError].some(
      (known) => error instanceof known,
    );
    throw isExplained || signal?.aborted === true ? error : readError(part.path, error);
  }
}
