import { answerRulesOf, type Comparison, type Crawl, type Plan } from '@fetchfleet/crawl';
import { ResultsNotFoundError } from '../folder/errors.ts';
import { findFinishedBatch } from '../select/finished-batch.ts';
import type { CheckedOut, CheckOutOptions, ResultsStore } from '../store/store.ts';
import { KnownAnswers } from './known-answers.ts';

/** Where earlier batches are. */
type Earlier = Pick<ResultsStore, 'location' | 'batches' | 'manifest' | 'checkOut'>;

interface OpenComparison extends Comparison {
  /** The batch, if it is checked out already. {@link openKnownAnswers} gives it back. */
  readonly copy?: CheckedOut | undefined;
}

/** The batch that a new one is compared with, or why there is none. */
export type ComparedBatch =
  | { readonly comparison: OpenComparison }
  | { readonly comparison?: undefined; readonly reason: string };

/**
 * The last finished batch of a crawl's name in a place, if its answers can be taken over. It stays
 * checked out: pass the comparison to {@link openKnownAnswers}.
 *
 * @throws ResultsChangedError, ResultsUnreadableError; the reason of `signal`
 */
export async function findComparedBatch(
  store: Earlier,
  plan: Plan,
  signal?: AbortSignal,
): Promise<ComparedBatch> {
  await using last = new LastCopy();
  const found = await findFinishedBatch(store, plan.name, {
    checkOut: async (id) => last.checkOut(store, id, signal && { signal }),
    signal,
  });
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
  const refersTo = [batch, ...revalidate.refersTo];
  return { comparison: { batch, refersTo, copy: last.take() } };
}

/** The batch that was checked out last. Those before it are given back. */
class LastCopy implements AsyncDisposable {
  #copy: CheckedOut | undefined;

  async checkOut(
    store: Earlier,
    batch: string,
    options?: CheckOutOptions,
  ): Promise<readonly string[]> {
    await this[Symbol.asyncDispose]();
    this.#copy = await store.checkOut(batch, options);
    return this.#copy.dirs;
  }

  /** Whoever takes it gives it back. */
  take(): CheckedOut | undefined {
    const copy = this.#copy;
    this.#copy = undefined;
    return copy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.take()?.[Symbol.asyncDispose]();
  }
}

interface ComparedOptions {
  readonly store: Earlier;
  /** With every list on this machine. */
  readonly crawl: Crawl;
  readonly comparison: OpenComparison | undefined;
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
export async function openKnownAnswers(
  options: ComparedOptions,
): Promise<KnownAnswers | undefined> {
  const { comparison, ...rest } = options;
  if (comparison === undefined) {
    return undefined;
  }
  let { copy } = comparison;
  try {
    const { store, crawl, signal } = rest;
    const { batch } = comparison;
    const manifest = await store.manifest(batch);
    // The plan comes from Redis: another crawl's answers are none of its business.
    if (manifest?.name !== crawl.plan.name) {
      await copy?.[Symbol.asyncDispose]();
      return undefined;
    }
    const refersTo = await present(store, comparison.refersTo);
    copy ??= await store.checkOut(batch, signal && { signal });
    return await KnownAnswers.open({ ...rest, copy, batch, refersTo });
  } catch (error) {
    await copy?.[Symbol.asyncDispose]();
    return ifMissing(error);
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
  store: Pick<ResultsStore, 'manifest'>,
  batches: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const batch of batches) {
    if ((await store.manifest(batch)) !== undefined) {
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
