import type { Manifest } from '../folder/manifest.ts';
import type { ResultsStore } from '../store/store.ts';
import { verifyParts } from '../verify/verify-parts.ts';

/** What a place has of a batch that was named. */
export type FoundBatch =
  | { readonly state: 'finished'; readonly batch: string }
  | {
      readonly state: 'unfinished';
      readonly batch: string;
      /** Fetches without a record; undefined while the total is unknown. */
      readonly missing: number | undefined;
    }
  | { readonly state: 'unknown' };

interface FindBatchOptions {
  /** Only batches that were created before this instant, ISO 8601. @default any */
  readonly before?: string;
  /**
   * Results folders that have all of a batch. @default it is checked out for as long as it is read
   */
  readonly checkOut?: (batch: string) => Promise<readonly string[]>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The batch with an id, or the latest finished one of a crawl's name: each of its fetches has a
 * record in the place. Needs no Redis.
 *
 * @throws ResultsChangedError, ResultsUnreadableError; the reason of `signal`
 */
export async function findFinishedBatch(
  store: Pick<ResultsStore, 'batches' | 'manifest' | 'checkOut'>,
  idOrName: string,
  { before, ...options }: FindBatchOptions = {},
): Promise<FoundBatch> {
  let latest: FoundBatch | undefined;
  for (const { batch, total, createdAt } of await candidates(store, idOrName)) {
    if (before !== undefined && createdAt >= before) {
      continue;
    }
    // The total is 0 while it is unknown.
    if (total === 0) {
      latest ??= { state: 'unfinished', batch, missing: undefined };
      continue;
    }
    const records = await recordsOf(store, { batch, total, ...options });
    if (records === total) {
      return { state: 'finished', batch };
    }
    latest ??= { state: 'unfinished', batch, missing: total - records };
  }
  return latest ?? { state: 'unknown' };
}

interface Counting extends Pick<FindBatchOptions, 'checkOut' | 'signal'> {
  readonly batch: string;
  readonly total: number;
}

async function recordsOf(
  store: Pick<ResultsStore, 'checkOut'>,
  { batch, total, checkOut, signal }: Counting,
): Promise<number> {
  const options = signal && { signal };
  const count = async (dir: readonly string[]): Promise<number> =>
    (await verifyParts({ dir, batch, total, ...options })).records;
  if (checkOut !== undefined) {
    return count(await checkOut(batch));
  }
  await using copy = await store.checkOut(batch, options);
  return await count(copy.dirs);
}

/** The latest first. */
async function candidates(
  store: Pick<ResultsStore, 'batches' | 'manifest'>,
  idOrName: string,
): Promise<Manifest[]> {
  const ids = (await store.batches()).filter((id) => id.startsWith(idOrName));
  const chosen = ids.includes(idOrName) ? [idOrName] : ids;
  const manifests = await Promise.all(chosen.map(async (id) => store.manifest(id)));
  return manifests
    .filter((one) => one !== undefined)
    .filter(({ batch, name }) => batch === idOrName || name === idOrName)
    .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}
