import { type BatchStatus, UnknownBatchError } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { batchPage, type BatchView } from './batch-page.ts';
import { LiveOrigins } from './origins.ts';
import { Pace } from '../report/pace.ts';
import { showLive } from './view.ts';

type Seen = Pick<BatchView, 'status' | 'origins' | 'workers'>;

/** Shows a batch on the whole screen until it ends. Throws as {@link showLive} does. */
export async function showBatch(
  session: FleetSession,
  batch: string,
  { context, signal }: { readonly context: Context; readonly signal: AbortSignal },
): Promise<BatchStatus> {
  const pace = new Pace();
  const origins = new LiveOrigins(session.origins);
  const look = async (): Promise<Seen> => {
    // Asked together, so that they go to Redis in one pipeline.
    const [status, busy, workers] = await Promise.all([
      session.ledger.status(batch),
      origins.read(),
      session.workers.list(),
    ]);
    if (status === undefined) throw new UnknownBatchError(batch);
    pace.add(performance.now(), status.settled);
    return { status, origins: busy, workers };
  };
  const paint = context.terminal.paintOutput.bind(context.terminal);
  const program = programName(context);
  const { status } = await showLive({
    look,
    page: (seen, size, silentMs) =>
      batchPage({ ...seen, pace, program, silentMs, nowMs: Date.now() }, size, paint),
    isOver: (seen) => seen.status.state === 'finished' || seen.status.state === 'cancelled',
    signal,
    lost: session.lost,
  });
  return status;
}
