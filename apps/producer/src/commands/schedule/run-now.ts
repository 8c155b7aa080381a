import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduleRun } from '@fetchfleet/fleet';
import { CommandError } from '../../core/command-error.ts';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/exit-codes.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { inTime } from '../../core/patience.ts';
import { runDocument } from './document.ts';
import { findSchedule, requireFleet, unknownSchedule } from './find.ts';

/** How long the worker that enqueues the batch is waited for; it goes on without us. */
const PATIENCE_MS = 10_000;
const POLL_MS = 100;

/** `fetchfleet schedule run-now ID`: a batch at once, also of a paused schedule; `--overlap` holds for it as well. */
export async function runScheduleNow(
  id: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  requireFleet(context);
  return withFleet(context, 'refuse', async (session) => {
    const { terminal } = context;
    const decision = await inTime(session.schedules.ledger.runNow(id));
    if (decision === undefined) {
      throw await unknownSchedule(session, id);
    }
    const run = await follow(session, id, decision);
    if (options.json === true) {
      terminal.printJson({ schedule: id, ...runDocument(run) });
    } else if (run.batch !== undefined && run.state !== 'failed') {
      terminal.print(run.batch);
    }
    return tell(id, run, context);
  });
}

/** Hands the run to a worker, and looks for a while what becomes of it. */
async function follow(session: FleetSession, id: string, decided: ScheduleRun) {
  if (decided.state !== 'starting') {
    return decided;
  }
  await inTime(session.schedules.queue.offer(id, decided.key));
  if ((await inTime(session.queue.workers())) === 0) {
    return decided;
  }
  const deadline = performance.now() + PATIENCE_MS;
  let run = decided;
  while (run.state === 'starting' && performance.now() < deadline) {
    await sleep(POLL_MS);
    const { runs } = await findSchedule(session, id);
    run = runs.find(({ key }) => key === decided.key) ?? run;
  }
  return run;
}

function tell(id: string, run: ScheduleRun, { terminal }: Context): ExitCode {
  const { state, reason = '' } = run;
  if (state === 'skipped') {
    terminal.warn(`${id} was not started: ${reason} (--overlap of the schedule decides)`);
    return EXIT.someFailed;
  }
  if (state === 'failed') {
    throw new CommandError(`${id} could not be started: ${reason}`, {
      code: 'SCHEDULE_RUN_FAILED',
      exitCode: EXIT.someFailed,
    });
  }
  if (state === 'queued') {
    terminal.note(`Queued: it ${reason}`);
  } else if (state === 'started') {
    terminal.note('A worker has enqueued the batch');
  } else {
    terminal.warn('no worker has taken it yet: it starts when one does (fetchfleet-worker)');
  }
  return EXIT.ok;
}
