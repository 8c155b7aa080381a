import type { BatchStatus } from '../ledger/batch-status.ts';
import type { LedgerReader } from '../ledger/ledger-reader.ts';
import type { Workers } from '../workers/workers.ts';

interface Sources {
  readonly ledger: Pick<LedgerReader, 'isExpansionHeld'>;
  readonly workers: Pick<Workers, 'list'>;
}

/**
 * Ids of the batches that nobody works on, because the `run` that did was interrupted. Only for the
 * private Redis of a folder: workers may come to any other at any time.
 */
export async function interruptedAmong(
  { ledger, workers }: Sources,
  statuses: readonly BatchStatus[],
): Promise<ReadonlySet<string>> {
  const open = statuses.filter(({ state }) => state === 'running' || state === 'expanding');
  if (open.length === 0 || (await workers.list()).some(({ state }) => state !== 'gone')) {
    return new Set();
  }
  const held = await Promise.all(open.map(async ({ batch }) => ledger.isExpansionHeld(batch)));
  return new Set(open.filter((_, at) => held[at] !== true).map(({ batch }) => batch));
}
