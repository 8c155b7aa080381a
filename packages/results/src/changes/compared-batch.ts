import { answerRulesOf, type Comparison, type Crawl, type Plan } from '@fetchfleet/crawl';
import { ResultsNotFoundError } from '../folder/errors.ts';
import { findFinishedBatch } from '../select/finished-batch.ts';
import type { ResultsStore } from '../store/store.ts';
import { KnownAnswers } from './known-answers.ts';

/** Where earlier batches are. */
type Earlier = Pick<ResultsStore, 'location' | 'batches' | 'manifest' | 'measure' | 'checkOut'>;

/** The batch that a new one is compared with, or why there is none. */
export type ComparedBatch =
  | { readonly comparison: Comparison }
  | { readonly comparison?: undefined; readonly reason: string };

/**
 * The last finished batch of a crawl's name in a place, if its answers can be taken over.
 *
 * @throws ResultsChangedError, ResultsUnreadableError; the reason of `signal`
 */
export async function findComparedBatch(
  store: Earlier,
  plan: Plan,
  signal?: AbortSignal,
): Promise<ComparedBatch> {
  const found = await findFinishedBatch(store, plan.name, { signal });
  if (found.state !== 'finished') {
    return { reason: `there is no finished batch of ${plan.name} in ${store.location}` };
  }
  const { batch } = found;
  const revalidate = (await store.manifest(batch))?.revalidate;
  if (revalidate === undefined) {
    return { reason: `${batch} was fetched without revalidate` };
  }
  if (revalidate.rules !== answerRulesOf(plan)) {
    return { reason: `expect or keep has changed since ${batch}` };
  }
  return { comparison: { batch, refersTo: [batch, ...revalidate.refersTo] } };
}

interface ComparedOptions {
  readonly store: Earlier;
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
  store,
  crawl,
  comparison,
  total,
  signal,
}: ComparedOptions): Promise<KnownAnswers | undefined> {
  if (comparison === undefined) {
    return undefined;
  }
  const { batch } = comparison;
  const manifest = await store.manifest(batch);
  // The plan comes from Redis: another crawl's answers are none of its business.
  if (manifest?.name !== crawl.plan.name) {
    return undefined;
  }
  const refersTo = await present(store, comparison.refersTo);
  const copy = await store.checkOut(batch, signal && { signal }).catch(ifMissing);
  if (copy === undefined) {
    return undefined;
  }
  try {
    return await KnownAnswers.open({ copy, batch, refersTo, crawl, total, signal });
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

function ifMissing(error: unknown): undefined {
  if (!(error instanceof ResultsNotFoundError)) {
    throw error;
  }
  return undefined;
}

/** Those that the place has. A person may have removed one. */
async function present(
  store: Pick<ResultsStore, 'measure'>,
  batches: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const batch of batches) {
    if ((await store.measure(batch)) !== undefined) {
      found.push(batch);
    }
  }
  return found;
}

/**
 * The batch that another one is compared with when nothing else is said: the one that it was
 * compared with when it was fetched, or the last finished one of the same name before it.
 *
 * @returns undefined if there is none in the places
 * @throws ResultsNotFoundError if the batch itself is not there
 */
export async function findPredecessor(
  stores: readonly Earlier[],
  batch: string,
): Promise<string | undefined> {
  const manifests = await Promise.all(stores.map(async (store) => store.manifest(batch)));
  const manifest = manifests.find((one) => one !== undefined);
  if (manifest === undefined) {
    throw new ResultsNotFoundError(`there are no results of ${batch}`);
  }
  const { comparedWith } = manifest.revalidate ?? {};
  for (const store of stores) {
    if (comparedWith !== undefined && (await present(store, [comparedWith])).length > 0) {
      return comparedWith;
    }
  }
  const { name, createdAt: before } = manifest;
  for (const store of stores) {
    const earlier = await findFinishedBatch(store, name, { before });
    if (earlier.state === 'finished') {
      return earlier.batch;
    }
  }
  return undefined;
}
