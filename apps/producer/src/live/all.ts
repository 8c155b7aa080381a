import type { BatchStatus } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { isUnderWay, LiveBatches } from './batches.ts';
import { batchesPage } from './batches-page.ts';
import { showLive } from './view.ts';

/** Shows all batches on the whole screen until none is under way. */
export async function showBatches(
  session: FleetSession,
  { context, signal }: { readonly context: Context; readonly signal: AbortSignal },
): Promise<BatchStatus[]> {
  const batches = new LiveBatches(session.ledger);
  const paint = context.terminal.paintOutput.bind(context.terminal);
  const seen = await showLive({
    look: async () => {
      const [read, workers] = await Promise.all([batches.read(), session.workers.list()]);
      return { batches: read, workers };
    },
    page: (all, size, silentMs) => batchesPage({ ...all, silentMs }, size, paint),
    isOver: (all) => !all.batches.some(({ status }) => isUnderWay(status)),
    signal,
    lost: session.lost,
  });
  return seen.batches.map(({ status }) => status);
}
