import type { Failures } from './find-failures.ts';

/**
 * What `failures --json` prints.
 *
 * @param batch its id, and the failures that the ledger counts
 * @param limit groups that are shown
 */
export function failuresDocument(
  { batch, failed }: { readonly batch: string; readonly failed: number },
  { groups, skippedParts }: Failures,
  limit: number,
) {
  return {
    batch,
    failed,
    found: groups.reduce((sum, { count }) => sum + count, 0),
    groups: groups.slice(0, limit),
    more: Math.max(0, groups.length - limit),
    skippedParts,
  };
}
