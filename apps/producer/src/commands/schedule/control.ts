import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/exit-codes.ts';
import { withFleet } from '../../session/fleet-session.ts';
import { inTime } from '../../core/patience.ts';
import { scheduleDocument, viewSchedule } from './document.ts';
import { findSchedule, requireFleet, unknownSchedule } from './find.ts';
import { formatInstant, formatWhen } from './table.ts';

interface ControlOptions {
  readonly json?: boolean;
}

/** `fetchfleet schedule pause ID` and `resume ID`. What passes meanwhile is not caught up. Twice is fine. */
export async function setSchedulePaused(
  { id, isPaused }: { readonly id: string; readonly isPaused: boolean },
  options: ControlOptions,
  context: Context,
): Promise<ExitCode> {
  requireFleet(context);
  return withFleet(context, 'refuse', async (session) => {
    const { terminal } = context;
    const isChanged = await inTime(session.schedules.ledger.setPaused(id, isPaused));
    if (isChanged === undefined) {
      throw await unknownSchedule(session, id);
    }
    const view = await inTime(viewSchedule(session, await findSchedule(session, id)));
    if (!isPaused) {
      await inTime(session.schedules.queue.wake(view.schedule));
    }
    const { nextRun } = view;
    const already = isChanged ? '' : 'already ';
    if (isPaused) {
      terminal.note(
        `${id} is ${already}paused: its ticks pass, and are not caught up when it is resumed`,
      );
    } else if (nextRun !== undefined) {
      const when = `${formatInstant(nextRun, view.schedule.terms.tz)}, ${formatWhen(nextRun, Date.now())}`;
      terminal.note(`${id} is ${already}active: next run ${when}`);
    }
    if (options.json === true) {
      terminal.printJson({ ...scheduleDocument(view), changed: isChanged });
    }
    return EXIT.ok;
  });
}

/** `fetchfleet schedule remove ID`: the schedule and its history; its batches stay. */
export async function removeSchedule(
  id: string,
  options: ControlOptions,
  context: Context,
): Promise<ExitCode> {
  requireFleet(context);
  return withFleet(context, 'refuse', async (session) => {
    const { ledger, lists, queue } = session.schedules;
    const before = await inTime(ledger.remove(id));
    if (before === undefined) {
      throw await unknownSchedule(session, id);
    }
    await inTime(queue.forget(id));
    await inTime(lists.orphan(before));
    context.terminal.note(`Removed ${id} and its history; its batches stay`);
    if (options.json === true) {
      context.terminal.printJson({ id, removed: true });
    }
    return EXIT.ok;
  });
}
