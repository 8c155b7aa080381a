import type { BatchStatus } from '@fetchfleet/fleet';
import { withTimeout } from '../core/timeouts.ts';
import type { FleetSession } from '../session/fleet-session.ts';

/**
 * Ids of the batches that nobody works on, because the `run` that did was interrupted. Only a
 * private Redis can tell: workers may come to any other at any time.
 */
export async function interruptedAmong(
  { isPrivate, ledger, workers }: FleetSession,
  statuses: readonly BatchStatus[],
): Promise<ReadonlySet<string>> {
  const open = statuses.filter(({ state }) => state === 'running' || state === 'expanding');
  if (!isPrivate || open.length === 0) {
    return new Set();
  }
  const [known, ...held] = await withTimeout(
    Promise.all([workers.list(), ...open.map(async ({ batch }) => ledger.isExpansionHeld(batch))]),
  );
  if (known.some(({ state }) => state !== 'gone')) {
    return new Set();
  }
  return new Set(open.filter((_, at) => held[at] !== true).map(({ batch }) => batch));
}
