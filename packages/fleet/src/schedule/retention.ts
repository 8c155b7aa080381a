import { z } from 'zod';
import { mayBePruned } from '../batch/may-be-pruned.ts';
import type { BatchStatus } from '../ledger/batch-status.ts';

export const MAX_KEPT = 1_000;
export const MAX_KEPT_MS = 3_660 * 86_400_000;

/** Which batches of a schedule stay. */
export const retention = z.union([
  /** The newest finished ones. */
  z.strictObject({ batches: z.number().int().min(1).max(MAX_KEPT) }),
  /** Those that have ended within this time, in milliseconds. */
  z.strictObject({ ms: z.number().positive().max(MAX_KEPT_MS) }),
]);

export type Retention = Readonly<z.infer<typeof retention>>;

/**
 * The batches that a schedule does not keep any more. The newest finished one always stays, and so
 * does what is newer: a schedule that was paused for long must not lose its last results.
 *
 * @param newest the newest batches, the newest first, as far as the last finished one that is kept
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
  const last = lastKept(keep, newest);
  if (last === undefined) {
    return [];
  }
  const keepers = new Set(newest.slice(0, newest.indexOf(last) + 1).map(({ batch }) => batch));
  const isOld = (status: BatchStatus): boolean =>
    'batches' in keep || nowMs - endOf(status) > keep.ms;
  return oldest.filter(
    (status) => !keepers.has(status.batch) && mayBePruned(status) && isOld(status),
  );
}

/** How many finished batches have to be among the newest. */
export function keptBatches(keep: Retention): number {
  return 'batches' in keep ? keep.batches : 1;
}

function lastKept(keep: Retention, newest: readonly BatchStatus[]): BatchStatus | undefined {
  return newest.filter(({ state }) => state === 'finished')[keptBatches(keep) - 1];
}

function endOf({ finishedAt, cancelledAt, createdAt }: BatchStatus): number {
  return Date.parse(finishedAt ?? cancelledAt ?? createdAt);
}
