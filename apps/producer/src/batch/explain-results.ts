import { readdir } from 'node:fs/promises';
import { isBatchId } from '@fetchfleet/crawl';
import { UnknownBatchError } from '@fetchfleet/fleet';
import {
  FieldsError,
  InvalidIdError,
  ResultsChangedError,
  ResultsNotFoundError,
  ResultsUnreadableError,
} from '@fetchfleet/results';
import { CommandError } from '../core/errors.ts';
import { nearest } from './find-batch.ts';

/**
 * The error to show where the results of a batch could not be read. Errors that are not about them
 * pass unchanged.
 */
export async function explainResults(
  failure: unknown,
  batch: string,
  dirs: readonly string[],
): Promise<unknown> {
  if (failure instanceof ResultsNotFoundError || failure instanceof InvalidIdError) {
    return notFound(failure, batch, dirs);
  }
  if (failure instanceof ResultsChangedError || failure instanceof ResultsUnreadableError) {
    const { message, code } = failure;
    return new CommandError(message, { code, cause: failure });
  }
  if (failure instanceof FieldsError) {
    return new CommandError(failure.message, { code: 'INPUT_INVALID', cause: failure });
  }
  return failure;
}

/** Suggests batches with similar names that are in the results folders. */
async function notFound(
  cause: Error,
  batch: string,
  dirs: readonly string[],
): Promise<CommandError> {
  const listings = await Promise.all(
    dirs.map(async (dir) => readdir(dir, { withFileTypes: true }).catch(() => undefined)),
  );
  const missing = dirs.find((_, at) => listings[at] === undefined);
  const entries = listings.flatMap((listing) => listing ?? []);
  if (missing !== undefined) {
    return new CommandError(
      `cannot find ${batch}: there is no results folder ${missing}; name it with --results DIR`,
      { code: 'RESULTS_MISSING', cause },
    );
  }
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const { message } = new UnknownBatchError(batch, nearest(batch, folders.filter(isBatchId)));
  return new CommandError(`${message} (looked in ${dirs.join(' and ')})`, {
    code: 'BATCH_UNKNOWN',
    cause,
  });
}
