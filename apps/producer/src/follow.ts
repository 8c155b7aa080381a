import { type Context, programName } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { FleetSession } from './fleet-session.ts';
import { createProgress } from './progress.ts';
import { exitCodeOf, statusDocument } from './status-document.ts';
import { describeStatus } from './status-table.ts';
import { watchBatch } from './watch-batch.ts';

/** Shows the progress of a batch that workers elsewhere fetch, until it ends. A signal ends the looking, not the batch. */
export async function follow(
  options: { readonly session: FleetSession; readonly batch: string; readonly isJson: boolean },
  context: Context,
): Promise<ExitCode> {
  const { session, batch, isJson } = options;
  const { terminal } = context;
  const { drain: signal } = context.interrupts.takeOver();
  const progress = createProgress(terminal);
  try {
    const status = await watchBatch({ ledger: session.ledger, batch, progress, terminal, signal });
    progress.stop();
    if (isJson) terminal.printJson(statusDocument(status));
    else terminal.note(describeStatus(status, Date.now()));
    return exitCodeOf(status);
  } catch (error) {
    if (!signal.aborted) throw error;
    progress.stop();
    terminal.say(
      `Interrupted; the batch goes on. Look again with: ${programName(context)} status ${batch} --watch`,
    );
    return EXIT.interrupted;
  } finally {
    progress.stop();
  }
}
