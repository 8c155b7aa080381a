import { statusDocument } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { cancelBatch } from '../batch/stop-batch.ts';
import { withFleet } from '../session/fleet-session.ts';
import { formatCount } from '../report/units.ts';

/**
 * `fetchfleet cancel BATCH`: workers start no more fetches; the records stay. May be repeated.
 */
export async function cancel(
  batch: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, { find: batch }, async (session) => {
    const { status, isChanged } = await cancelBatch(session, batch);
    if (isChanged) {
      const left = formatCount(status.total - status.settled);
      terminal.note(`Cancelled ${batch}: ${formatCount(status.settled)} done, ${left} not fetched`);
    } else {
      terminal.note(`${batch} is ${status.state} already`);
    }
    if (options.json === true) {
      terminal.printJson(statusDocument(status));
    }
    return EXIT.ok;
  });
}
