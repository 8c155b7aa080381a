import { statusDocument } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { pauseBatch } from '../batch/stop-batch.ts';
import { withFleet } from '../session/fleet-session.ts';
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
    const { status, isChanged } = await pauseBatch(session, batch);
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
