import { answerRulesOf, type Comparison, type Crawl, type Plan } from '@fetchfleet/crawl';
import { ResultsNotFoundError } from '../folder/errors.ts';
import { findParts } from '../folder/layout.ts';
import { firstManifest } from '../folder/manifest.ts';
import { findFinishedBatch } from '../select/finished-batch.ts';
import { KnownAnswers } from './known-answers.ts';

/** The batch that a new one is compared with, or why there is none. */
export type ComparedBatch =
  | { readonly comparison: Comparison }
  | { readonly comparison?: undefined; readonly reason: string };

/**
 * The last finished batch of a crawl's name in a results folder, if its answers can be taken over.
 *
 * @throws ResultsChangedError, ResultsUnreadableError; the reason of `signal`
 */
export async function findComparedBatch(
  dir: string,
  plan: Plan,
  signal?: AbortSignal,
): Promise<ComparedBatch> {
  const found = await findFinishedBatch(dir, plan.name, { signal });
  if (found.state !== 'finished') {
    return { reason: `there is no finished batch of ${plan.name} in ${dir}` };
  }
  const { batch } = found;
  const revalidate = (await firstManifest([dir], batch))?.revalidate;
  if (revalidate === undefined) {
    return { reason: `${batch} was fetched without revalidate` };
  }
  if (revalidate.rules !== answerRulesOf(plan)) {
    return { reason: `expect or keep has changed since ${batch}` };
  }
  return { comparison: { batch, refersTo: [batch, ...revalidate.refersTo] } };
}

interface ComparedOptions {
  readonly dir: string;
  /** With every list on this machine. */
  readonly crawl: Crawl;
  readonly comparison: Comparison | undefined;
  /** Fetches of the crawl. */
  readonly total: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the batch that a crawl is compared with knows of its answers; undefined if that batch is not
 * there any more: everything is fetched whole then.
 *
 * @throws ResultsChangedError, ResultsUnreadableError; InputError
 */
export async function openKnownAnswers({
  dir,
  crawl,
  comparison,
  total,
  signal,
}: ComparedOptions): Promise<KnownAnswers | undefined> {
  if (comparison === undefined) {
    return undefined;
  }
  const { batch } = comparison;
  const dirs = [dir];
  const refersTo = await present(dirs, comparison.refersTo);
  const manifest = await firstManifest(dirs, batch);
  // The plan comes from Redis: another crawl's answers are none of its business.
  if (manifest?.name !== crawl.plan.name) {
    return undefined;
  }
  return KnownAnswers.open({
    dirs,
    batch,
    refersTo,
    crawl,
    total,
    signal,
  });
}

/** Those that the folders have. A person may have removed one. */
async function present(dirs: readonly string[], batches: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const batch of batches) {
    try {
      await findParts(dirs, batch);
      found.push(batch);
    } catch (error) {
      if (!(error instanceof ResultsNotFoundError)) {
        throw error;
      }
    }
  }
  return found;
}

/**
 * The batch that another one is compared with when nothing else is said: the one that it was
 * compared with when it was fetched, or the last finished one of the same name before it.
 *
 * @returns undefined if there is none in the folders
 * @throws ResultsNotFoundError if the batch itself is not there
 */
export async function findPredecessor(
  dirs: readonly string[],
  batch: string,
): Promise<string | undefined> {
  const found = await findParts(dirs, batch);
  const manifest = await firstManifest(found.dirs, batch);
  const { comparedWith } = manifest?.revalidate ?? {};
  if (comparedWith !== undefined && (await present(dirs, [comparedWith])).length > 0) {
    return comparedWith;
  }
  for (const dir of manifest === undefined ? [] : dirs) {
    const { name, createdAt: before } = manifest ?? { name: '', createdAt: '' };
    const earlier = await findFinishedBatch(dir, name, { before });
    if (earlier.state === 'finished') {
      return earlier.batch;
    }
  }
  return undefined;
}
