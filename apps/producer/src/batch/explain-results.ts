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
import { namesOf, type OpenPlace } from '../results/open-place.ts';
import { nearest } from './find-batch.ts';

/**
 * The error to show where the results of a batch could not be read. Errors that are not about them
 * pass unchanged.
 */
export async function explainResults(
  failure: unknown,
  batch: string,
  places: readonly OpenPlace[],
): Promise<unknown> {
  if (failure instanceof ResultsNotFoundError || failure instanceof InvalidIdError) {
    return notFound(failure, batch, places);
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

/** Suggests batches with similar names that are in the places. */
async function notFound(
  cause: Error,
  batch: string,
  places: readonly OpenPlace[],
): Promise<CommandError> {
  const listings = await Promise.all(places.map(idsIn));
  const missing = places.find((_, at) => listings[at] === undefined);
  if (missing !== undefined) {
    const { location } = missing.store;
    return new CommandError(
      `cannot find ${batch}: there is no results folder ${location}; name it with --results DIR`,
      { code: 'RESULTS_MISSING', cause },
    );
  }
  const ids = listings.flatMap((listing) => listing ?? []);
  const { message } = new UnknownBatchError(batch, nearest(batch, ids));
  return new CommandError(`${message} (looked in ${namesOf(places)})`, {
    code: 'BATCH_UNKNOWN',
    cause,
  });
}

/** Undefined if there is no such folder. */
async function idsIn({ place, store }: OpenPlace): Promise<readonly string[] | undefined> {
  if (place.kind !== 'folder') {
    return store.batches().catch(() => []); // only names to suggest
  }
  const entries = await readdir(place.url, { withFileTypes: true }).catch(() => undefined);
  return entries
    ?.filter((entry) => entry.isDirectory() && isBatchId(entry.name))
    .map(({ name }) => name);
}
