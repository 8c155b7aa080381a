import { statusDocument } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import { findBatch } from '../batch/find-batch.ts';
import { withFleet } from '../session/fleet-session.ts';
import { withTimeout } from '../core/timeouts.ts';
import { formatCount } from '../report/units.ts';

/**
 * `fetchfleet pause BATCH`: running fetches end, and workers start no others until the batch is
 * resumed. May be repeated.
 */
export async function pause(
  batch: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, { find: batch }, async (session) => {
    await findBatch(session.ledger, batch);
    const isChanged = await withTimeout(session.ledger.pause(batch));
    const status = await findBatch(session.ledger, batch);
    if (status.state !== 'paused') {
      throw notPausable(batch, status.state);
    }
    // Even if the batch is paused already: the command that paused it may have been killed.
    await session.pausedSlices.withdraw(batch);
    const left = formatCount(status.total - status.settled);
    if (isChanged) {
      terminal.note(`Paused ${batch}: ${formatCount(status.settled)} done, ${left} left`);
      terminal.note(`Go on with: ${programName(context)} resume ${batch}`);
    } else {
      terminal.note(`${batch} is paused already`);
    }
    if (options.json === true) {
      terminal.printJson(statusDocument(status));
    }
    return EXIT.ok;
  });
}

function notPausable(batch: string, state: string): CommandError {
  return new CommandError(`${batch} is ${state}: there is nothing to pause`, {
    code: 'BATCH_ENDED',
  });
}
