import { z } from 'zod';
import { mayBePruned } from '../batch/may-be-pruned.ts';
import type { BatchStatus } from '../ledger/batch-status.ts';

export const MAX_KEPT = 1_000;
export const MAX_KEPT_MS = 3_660 * 86_400_000;

/** Which batches of a schedule stay. */
export const retention = z.union([
  /** The newest ones. */
  z.strictObject({ batches: z.number().int().min(1).max(MAX_KEPT) }),
  /** Those that have ended within this time, in milliseconds. */
  z.strictObject({ ms: z.number().positive().max(MAX_KEPT_MS) }),
]);

export type Retention = Readonly<z.infer<typeof retention>>;

/** Whether a batch has finished with a success. */
export function isKeeper({ state, ok }: Pick<BatchStatus, 'state' | 'ok'>): boolean {
  return state === 'finished' && ok > 0;
}

/**
 * The batches that a schedule does not keep any more. One with a success goes only if enough others
 * with a success are newer: an origin that is down for some runs must not push the last good
 * results out, and a schedule that was paused for long must not lose them.
 *
 * @param newest the newest batches, the newest first, as far as enough of them are keepers
 * @param oldest the oldest ones
 */
export function expiredBatches(
  keep: Retention,
  {
    newest,
    oldest,
    nowMs,
  }: {
    readonly newest: readonly BatchStatus[];
    readonly oldest: readonly BatchStatus[];
    readonly nowMs: number;
  },
): BatchStatus[] {
  const kept = keptBatches(keep);
  return oldest.filter((status) => {
    const place = newest.findIndex(({ batch }) => batch === status.batch);
    const newer = place === -1 ? newest : newest.slice(0, place);
    const isOutnumbered = isKeeper(status)
      ? newer.filter(isKeeper).length >= kept
      : 'ms' in keep || newer.filter(({ state }) => state === 'finished').length >= kept;
    const isOld = 'batches' in keep || nowMs - endOf(status) > keep.ms;
    return mayBePruned(status) && isOutnumbered && isOld;
  });
}

/** How many keepers have to be among the newest. */
export function keptBatches(keep: Retention): number {
  return 'batches' in keep ? keep.batches : 1;
}

function endOf({ finishedAt, cancelledAt, createdAt }: BatchStatus): number {
  return Date.parse(finishedAt ?? cancelledAt ?? createdAt);
}
