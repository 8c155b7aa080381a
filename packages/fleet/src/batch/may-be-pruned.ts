import type { BatchStatus } from '../ledger/batch-status.ts';

/**
 * Whether a batch may be removed at all, by a person or by its schedule: the one place where that
 * is decided. An unfinished one never may.
 */
export function mayBePruned({ state }: Pick<BatchStatus, 'state'>): boolean {
  return state === 'finished' || state === 'cancelled';
}
