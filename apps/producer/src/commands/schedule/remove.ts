import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { unknownSchedule, withSchedules } from './schedules.ts';

/** `fetchfleet schedule remove ID`: removes the schedule and its history, not its batches. */
export async function removeSchedule(
  id: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  return withSchedules(context, async (session) => {
    const { ledger, lists, queue } = session.schedules;
    const before = await withTimeout(ledger.remove(id));
    if (before === undefined) {
      throw await unknownSchedule(session, id);
    }
    await withTimeout(queue.forget(id));
    await withTimeout(lists.orphan(before));
    context.terminal.note(`Removed ${id} and its history; its batches stay`);
    if (options.json === true) {
      context.terminal.printJson({ id, removed: true });
    }
    return EXIT.ok;
  });
}
