import type { BatchStatus } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { createProgress } from '../report/progress.ts';
import { exitCodeOf, statusDocument } from '../report/status-document.ts';
import { describeStatus } from '../report/status-table.ts';
import { watchBatch } from './watch-batch.ts';

export interface FollowOptions {
  readonly session: FleetSession;
  readonly batch: string;
  readonly isJson: boolean;
  /** Use the whole screen. @default false */
  readonly isLive?: boolean;
}

/** Shows the progress of a batch that workers elsewhere fetch, until it ends. A signal ends the looking, not the batch. */
export async function follow(options: FollowOptions, context: Context): Promise<ExitCode> {
  const { batch, isJson } = options;
  const { terminal } = context;
  const { drain: signal } = context.interrupts.takeOver();
  try {
    const status = await watch(options, context, signal);
    if (isJson) terminal.printJson(statusDocument(status));
    else terminal.note(describeStatus(status, Date.now()));
    return exitCodeOf(status);
  } catch (error) {
    if (!signal.aborted) throw error;
    terminal.say(
      `Interrupted; the batch goes on. Look again with: ${programName(context)} status ${batch} --watch`,
    );
    return EXIT.interrupted;
  }
}

async function watch(
  { session, batch, isLive }: FollowOptions,
  context: Context,
  signal: AbortSignal,
): Promise<BatchStatus> {
  const { terminal } = context;
  if (isLive === true) {
    const { showBatch } = await import('../live/batch.ts');
    return showBatch(session, batch, { context, signal });
  }
  const progress = createProgress(terminal);
  try {
    return await watchBatch({ ledger: session.ledger, batch, progress, terminal, signal });
  } finally {
    progress.stop();
  }
}
