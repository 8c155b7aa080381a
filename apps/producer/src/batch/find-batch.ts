import type { Plan, SecretPlan } from '@fetchfleet/crawl';
import { type BatchStatus, type LedgerReader, UnknownBatchError } from '@fetchfleet/fleet';
import { distance } from 'fastest-levenshtein';
import { secretPlanOf } from '../crawl/notify-flag.ts';

const MAX_SUGGESTIONS = 3;

/**
 * The status of a batch.
 *
 * @throws UnknownBatchError (exit 2) with the nearest ids
 */
export async function findBatch(ledger: LedgerReader, id: string): Promise<BatchStatus> {
  const status = await ledger.status(id);
  if (status !== undefined) {
    return status;
  }
  throw new UnknownBatchError(id, nearest(id, await ledger.batches()));
}

/** @throws UnknownBatchError (exit 2) */
export async function planOf(ledger: LedgerReader, id: string): Promise<Plan & SecretPlan> {
  const crawl = await ledger.crawl(id);
  if (crawl === undefined) {
    throw new UnknownBatchError(id);
  }
  return secretPlanOf(crawl);
}

/** The newest batch of a crawl's name that has not ended. Its crawl may be another one. */
export async function findUnfinishedOfName(
  ledger: LedgerReader,
  name: string,
): Promise<BatchStatus | undefined> {
  // Ids begin with the name, so most batches are not asked.
  const ids = (await ledger.unfinished()).filter((id) => id.startsWith(`${name}-`));
  return (await ledger.statuses(ids)).find((status) => status.name === name);
}

/** At most three ids that start with `id`, or differ from it by a few typing errors. */
export function nearest(id: string, known: readonly string[]): string[] {
  const isNear = (other: string): boolean =>
    (id.length > 2 && other.startsWith(id)) || distance(id, other) <= Math.max(2, id.length / 4);
  return known
    .filter(isNear)
    .toSorted((a, b) => distance(id, a) - distance(id, b))
    .slice(0, MAX_SUGGESTIONS);
}
