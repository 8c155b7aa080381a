import { setTimeout as sleep } from 'node:timers/promises';
import { runDocument, type ScheduleRun } from '@fetchfleet/fleet';
import { CommandError, EXIT, type ExitCode } from '../../core/errors.ts';
import type { Context } from '../../core/context.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { FleetSession } from '../../session/fleet-session.ts';
import { findSchedule, unknownSchedule, withSchedules } from './schedules.ts';

/** Longest wait for a worker to start the run. The worker continues without this command. */
const MAX_WAIT_MS = 10_000;
const POLL_MS = 100;

/**
 * `fetchfleet schedule run-now ID`: starts a batch at once, even if the schedule is paused. Obeys
 * the `--overlap` of the schedule.
 */
export async function runScheduleNow(
  id: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  return withSchedules(context, async (session) => {
    const { terminal } = context;
    const decided = await withTimeout(session.schedules.ledger.runNow(id));
    if (decided === undefined) {
      throw await unknownSchedule(session, id);
    }
    const run = await startRun(session, id, decided);
    if (options.json === true) {
      terminal.printJson({ schedule: id, ...runDocument(run) });
    } else if (run.batch !== undefined && run.state !== 'failed') {
      terminal.print(run.batch);
    }
    return report(id, run, context);
  });
}

/** Queues the run for a worker. @returns the run as of its start, or after the longest wait */
async function startRun(session: FleetSession, id: string, decided: ScheduleRun) {
  if (decided.state !== 'starting') {
    return decided;
  }
  await withTimeout(session.schedules.queue.offer(id, decided.key));
  if ((await withTimeout(session.queue.workers())) === 0) {
    return decided;
  }
  const deadlineMs = performance.now() + MAX_WAIT_MS;
  let run = decided;
  while (run.state === 'starting' && performance.now() < deadlineMs) {
    await sleep(POLL_MS);
    const { runs } = await findSchedule(session, id);
    run = runs.find(({ key }) => key === decided.key) ?? run;
  }
  return run;
}

function report(id: string, run: ScheduleRun, { terminal }: Context): ExitCode {
  const { state, reason = '' } = run;
  if (state === 'skipped') {
    terminal.warn(`${id} was not started: ${reason} (--overlap of the schedule decides)`);
    return EXIT.someFailed;
  }
  if (state === 'failed') {
    throw new CommandError(`${id} could not be started: ${reason}`, {
      code: 'SCHEDULE_RUN_FAILED',
    });
  }
  if (state === 'queued') {
    terminal.note(`Queued: it ${reason}`);
  } else if (state === 'started') {
    terminal.note(`A worker has enqueued the batch ${run.batch ?? ''}`.trimEnd());
  } else {
    terminal.warn(
      'no worker has started the batch yet: it starts as soon as a fetchfleet-worker runs',
    );
  }
  return EXIT.ok;
}
