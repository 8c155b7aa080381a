import type { Schedule } from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { scheduleDocument, viewSchedule } from './document.ts';
import { findSchedule, requireFleet } from './find.ts';
import { historyTable, schedulesTable } from './table.ts';

/** `fetchfleet schedule list [ID]`: all schedules, or one with its history. */
export async function listSchedules(
  id: string | undefined,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  requireFleet(context);
  return withFleet(context, 'refuse', async (session) => {
    const { terminal } = context;
    const schedules = id === undefined ? await readAll(session) : [await findSchedule(session, id)];
    const views = await withTimeout(
      Promise.all(schedules.map(async (schedule) => viewSchedule(session, schedule))),
    );
    const [only] = views;
    if (options.json === true) {
      terminal.printJson(
        id !== undefined && only !== undefined
          ? scheduleDocument(only)
          : { schedules: views.map(scheduleDocument) },
      );
    } else if (views.length === 0) {
      terminal.note('Nothing is scheduled: fetchfleet schedule add FILE --cron "0 6 * * *"');
    } else {
      terminal.print(schedulesTable(views, Date.now()));
      if (id !== undefined && only !== undefined && only.schedule.runs.length > 0) {
        terminal.print(`\n${historyTable(only)}`);
      }
    }
    return EXIT.ok;
  });
}

async function readAll({ schedules }: FleetSession): Promise<Schedule[]> {
  const ids = await withTimeout(schedules.ledger.ids());
  const all = await withTimeout(Promise.all(ids.map(async (id) => schedules.ledger.get(id))));
  return all.filter((one) => one !== undefined);
}
