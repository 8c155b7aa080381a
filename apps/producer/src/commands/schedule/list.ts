import { scheduleDocument, viewSchedule } from '@fetchfleet/fleet';
import { type Context, programName } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { outputWidth } from '../../report/text-table.ts';
import { findSchedule, withSchedules } from './schedules.ts';
import { historyTable, schedulesTable } from './table.ts';

/** `fetchfleet schedule list [ID]`: all schedules, or one with its history. */
export async function listSchedules(
  id: string | undefined,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  return withSchedules(context, async (session) => {
    const { terminal } = context;
    const schedules =
      id === undefined
        ? await withTimeout(session.schedules.ledger.all())
        : [await findSchedule(session, id)];
    const nowMs = await session.now();
    const views = await withTimeout(
      Promise.all(
        schedules.map(async (schedule) =>
          viewSchedule(session.ledger, schedule, { nowMs, withRuns: id !== undefined }),
        ),
      ),
    );
    const [first] = views;
    const requested = id === undefined ? undefined : first;
    if (options.json === true) {
      terminal.printJson(
        requested === undefined
          ? { schedules: views.map(scheduleDocument) }
          : scheduleDocument(requested),
      );
    } else if (views.length === 0) {
      const command = `${programName(context)} schedule add FILE --cron "0 6 * * *"`;
      terminal.note(`Nothing is scheduled. Add a schedule with: ${command}`);
    } else {
      const width = outputWidth(terminal);
      terminal.print(...schedulesTable(views, width));
      if (requested !== undefined && requested.schedule.runs.length > 0) {
        terminal.print('', ...historyTable(requested, width));
      }
    }
    return EXIT.ok;
  });
}
