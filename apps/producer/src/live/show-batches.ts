import { BatchesReader, type BatchStatus, isUnderWay } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { batchesPage } from './batches-page.ts';
import { showLive } from './show-live.ts';

/** Shows all batches on the whole screen until none is under way. Throws as {@link showLive}. */
export async function showBatches(
  session: FleetSession,
  { context, signal }: { readonly context: Context; readonly signal: AbortSignal },
): Promise<BatchStatus[]> {
  const reader = new BatchesReader(session.ledger);
  const paint = context.terminal.paintOutput.bind(context.terminal);
  const last = await showLive({
    read: async () => {
      const [batches, workers] = await Promise.all([reader.read(), session.workers.list()]);
      return { batches, workers };
    },
    page: (all, size, silentMs) => batchesPage({ ...all, silentMs }, size, paint),
    isOver: (all) => !all.batches.some(({ status }) => isUnderWay(status)),
    signal,
    lost: session.lost,
  });
  return last.batches.map(({ status }) => status);
}
