import { scheduleDocument, viewSchedule } from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { findSchedule, unknownSchedule, withSchedules } from './schedules.ts';
import { formatNextRun } from './table.ts';

/**
 * `fetchfleet schedule pause ID` and `resume ID`. Skipped ticks are not caught up. Pausing or
 * resuming twice is fine.
 */
export async function setSchedulePaused(
  { id, isPaused }: { readonly id: string; readonly isPaused: boolean },
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  return withSchedules(context, async (session) => {
    const { terminal } = context;
    const isChanged = await withTimeout(session.schedules.ledger.setPaused(id, isPaused));
    if (isChanged === undefined) {
      throw await unknownSchedule(session, id);
    }
    const nowMs = await session.now();
    const schedule = await findSchedule(session, id);
    const view = await withTimeout(viewSchedule(session.ledger, schedule, { nowMs }));
    if (!isPaused) {
      await withTimeout(session.schedules.queue.wake(view.schedule));
    }
    const already = isChanged ? '' : 'already ';
    if (isPaused) {
      terminal.note(`${id} is ${already}paused: its ticks are skipped and not caught up later`);
    } else {
      terminal.note(`${id} is ${already}active: ${formatNextRun(view)}`);
    }
    if (options.json === true) {
      terminal.printJson({ ...scheduleDocument(view), changed: isChanged });
    }
    return EXIT.ok;
  });
}
