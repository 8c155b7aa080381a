import { type BatchStatus, OriginsReader, Pace, UnknownBatchError } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { batchPage, type BatchView } from './batch-page.ts';
import { showLive } from './show-live.ts';

/** Shows a batch on the whole screen until it ends. Throws as {@link showLive}. */
export async function showBatch(
  session: FleetSession,
  batch: string,
  { context, signal }: { readonly context: Context; readonly signal: AbortSignal },
): Promise<BatchStatus> {
  const pace = new Pace();
  const originsReader = new OriginsReader(session.origins);
  const read = async (): Promise<Pick<BatchView, 'status' | 'origins' | 'workers' | 'nowMs'>> => {
    // Requested together, so that all commands go to Redis in one pipeline.
    const [status, origins, workers, nowMs] = await Promise.all([
      session.ledger.status(batch),
      originsReader.read(),
      session.workers.list(),
      session.now(),
    ]);
    if (status === undefined) {
      throw new UnknownBatchError(batch);
    }
    pace.add(performance.now(), status.settled);
    return { status, origins, workers, nowMs };
  };
  const paint = context.terminal.paintOutput.bind(context.terminal);
  const program = programName(context);
  const { status } = await showLive({
    read,
    page: (state, size, silentMs) =>
      batchPage({ ...state, pace, program, silentMs, nowMs: state.nowMs + silentMs }, size, paint),
    isOver: (state) => state.status.state === 'finished' || state.status.state === 'cancelled',
    signal,
    lost: session.lost,
  });
  return status;
}
