import { type CheckedOut, firstManifest, ResultsNotFoundError } from '@fetchfleet/results';
import type { Context } from '../core/context.ts';
import { CopyProgress } from './copy-progress.ts';
import type { OpenPlace } from './open-place.ts';

/** A batch in one or more places: workers of several machines may have written to several. */
export interface BatchSource {
  readonly places: readonly OpenPlace[];
  readonly batch: string;
  /**
   * Whether the batches that have the bodies of unchanged records are checked out as well: all of
   * their records are copied for it.
   */
  readonly needsBodies: boolean;
  readonly signal?: AbortSignal | undefined;
}

type Surroundings = Pick<Context, 'terminal'>;

/**
 * Checks a batch out of all places that have it, for as long as `read` takes. Plain parts in a
 * folder are read where they are. Everything else is copied to a temporary folder, which is removed
 * at the end, also if the process ends before.
 *
 * @param read gets the results folders to read
 * @throws ResultsNotFoundError if no place has the batch; ResultsUnreadableError
 */
export async function withBatch<T>(
  source: BatchSource,
  context: Surroundings,
  read: (dirs: readonly string[]) => Promise<T>,
): Promise<T> {
  await using copy = await checkOut(source, context);
  return await read(copy.dirs);
}

/** The same for several batches at once. */
export async function withBatches<T>(
  { batches, ...source }: Omit<BatchSource, 'batch'> & { readonly batches: readonly string[] },
  context: Surroundings,
  read: (dirs: readonly string[]) => Promise<T>,
): Promise<T> {
  await using copies = new Copies();
  for (const batch of batches) {
    copies.add(await checkOut({ ...source, batch }, context));
  }
  return await read(copies.dirs);
}

/** Shows its progress. @throws as {@link withBatch} does */
export async function checkOut(source: BatchSource, context: Surroundings): Promise<CheckedOut> {
  const { batch, needsBodies } = source;
  const copies = new Copies();
  try {
    await copyAll(copies, source, context);
    const manifest = needsBodies ? await firstManifest(copies.dirs, batch) : undefined;
    for (const earlier of manifest?.revalidate?.refersTo ?? []) {
      // Whoever reads it says which bodies are missing.
      await copyAll(copies, { ...source, batch: earlier }, context).catch(unlessMissing);
    }
    return copies;
  } catch (error) {
    await copies[Symbol.asyncDispose]();
    throw error;
  }
}

/** Several copies as one. */
class Copies implements CheckedOut {
  readonly #copies: CheckedOut[] = [];

  get dirs(): readonly string[] {
    return [...new Set(this.#copies.flatMap(({ dirs }) => dirs))];
  }

  add(copy: CheckedOut): void {
    this.#copies.push(copy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#copies.map(async (copy) => copy[Symbol.asyncDispose]()));
  }
}

/** Out of every place that has the batch. @throws ResultsNotFoundError if none has */
async function copyAll(copies: Copies, source: BatchSource, context: Surroundings): Promise<void> {
  let missing: unknown;
  let isFound = false;
  for (const place of source.places) {
    try {
      copies.add(await copyOf(place, source, context));
      isFound = true;
    } catch (error) {
      unlessMissing(error);
      missing ??= error;
    }
  }
  if (!isFound) {
    throw missing;
  }
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof ResultsNotFoundError)) {
    throw error;
  }
}

async function copyOf(
  { store }: OpenPlace,
  { batch, signal }: BatchSource,
  { terminal }: Surroundings,
): Promise<CheckedOut> {
  const progress = new CopyProgress(terminal, `${batch} from ${store.location}`);
  try {
    return await store.checkOut(batch, {
      ...(signal !== undefined && { signal }),
      onProgress: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.stop();
  }
}
