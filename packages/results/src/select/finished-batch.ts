import { type Manifest, readManifest } from '../folder/manifest.ts';
import { storedBatches } from '../folder/stored-batches.ts';
import { verifyParts } from '../verify/verify-parts.ts';

/** What a results folder has of a batch that was named. */
export type FoundBatch =
  | { readonly state: 'finished'; readonly batch: string }
  | {
      readonly state: 'unfinished';
      readonly batch: string;
      /** Fetches without a record; undefined while the total is unknown. */
      readonly missing: number | undefined;
    }
  | { readonly state: 'unknown' };

interface FindOptions {
  /** Only batches that were created before this instant, ISO 8601. @default any */
  readonly before?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The batch with an id, or the latest finished one of a crawl's name: each of its fetches has a
 * record in the folder. Needs no Redis.
 *
 * @throws ResultsChangedError, ResultsUnreadableError; the reason of `signal`
 */
export async function findFinishedBatch(
  dir: string,
  idOrName: string,
  { before, signal }: FindOptions = {},
): Promise<FoundBatch> {
  let latest: FoundBatch | undefined;
  for (const { batch, total, createdAt } of await candidates(dir, idOrName)) {
    if (before !== undefined && createdAt >= before) {
      continue;
    }
    // The total is 0 while it is unknown.
    if (total === 0) {
      latest ??= { state: 'unfinished', batch, missing: undefined };
      continue;
    }
    const { records } = await verifyParts({ dir, batch, total, ...(signal && { signal }) });
    if (records === total) {
      return { state: 'finished', batch };
    }
    latest ??= { state: 'unfinished', batch, missing: total - records };
  }
  return latest ?? { state: 'unknown' };
}

/** The latest first. */
async function candidates(dir: string, idOrName: string): Promise<Manifest[]> {
  const ids = (await storedBatches(dir)).filter((id) => id.startsWith(idOrName));
  const chosen = ids.includes(idOrName) ? [idOrName] : ids;
  const manifests = await Promise.all(chosen.map(async (id) => readManifest(dir, id)));
  return manifests
    .filter((one) => one !== undefined)
    .filter(({ batch, name }) => batch === idOrName || name === idOrName)
    .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}
