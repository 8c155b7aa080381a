import { type PutResult, readLists, type ScheduleSpec } from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/exit-codes.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { loadCrawl } from '../../batch/load-crawl.ts';
import { inTime } from '../../core/patience.ts';
import { Problems } from '../../core/problems.ts';
import { scheduleDocument, viewSchedule } from './document.ts';
import { findSchedule, requireFleet } from './find.ts';
import { readScheduleSettings, type ScheduleFlags } from './settings.ts';
import { formatInstant, formatWhen } from './table.ts';

export interface ScheduleAddOptions extends ScheduleFlags {
  readonly json?: boolean;
}

interface Prepared {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly lists: ReadonlyMap<string, Buffer>;
  readonly missingSecrets: readonly string[];
}

/** `fetchfleet schedule add FILE`: a batch of a crawl file at every tick. Again, it changes the schedule, or nothing. */
export async function addSchedule(
  file: string,
  options: ScheduleAddOptions,
  context: Context,
): Promise<ExitCode> {
  const { id, spec, lists, missingSecrets } = await prepare(file, options, context);
  return withFleet(context, 'refuse', async (session) => {
    for (const name of missingSecrets) {
      context.terminal.warn(`${name} is not set here; workers need it`);
    }
    const { ledger, lists: stored, queue } = session.schedules;
    await inTime(stored.store(id, lists));
    const result = await inTime(ledger.put(id, spec));
    await inTime(queue.wake({ id, terms: spec }));
    if (result.before !== undefined) {
      await inTime(stored.orphan(result.before.crawl, spec.crawl));
    }
    await tell(session, { id, spec, result }, { options, context });
    return EXIT.ok;
  });
}

async function prepare(
  file: string,
  options: ScheduleAddOptions,
  context: Context,
): Promise<Prepared> {
  const problems = new Problems();
  const { id: wanted, ...settings } = readScheduleSettings(options, problems);
  const loaded = await loadCrawl(file, problems, context);
  const id = wanted ?? loaded?.crawl.plan.name ?? '';
  const storable =
    loaded === undefined
      ? undefined
      : await problems.collect(async () => readLists(loaded.crawl, id, loaded.source));
  problems.throwIfAny('nothing was scheduled');
  requireFleet(context);
  if (loaded === undefined || storable === undefined) {
    throw new Error('a step failed in silence');
  }
  const { source, missingSecrets } = loaded;
  const spec = { crawl: storable.crawl, source, ...settings };
  return { id, spec, lists: storable.lists, missingSecrets };
}

interface Added {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly result: PutResult;
}

async function tell(
  session: FleetSession,
  { id, spec, result }: Added,
  { options, context }: { readonly options: ScheduleAddOptions; readonly context: Context },
): Promise<void> {
  const { terminal } = context;
  const view = await inTime(viewSchedule(session, await findSchedule(session, id)));
  if (options.json === true) {
    terminal.printJson({ ...scheduleDocument(view), change: result.change });
  } else {
    terminal.print(id);
  }
  const next =
    view.nextRun === undefined
      ? 'it is paused'
      : `next run ${formatInstant(view.nextRun, spec.tz)}, ${formatWhen(view.nextRun, Date.now())}`;
  if (result.change === 'added') {
    terminal.note(`Scheduled ${id}: ${next}`);
  } else if (result.change === 'unchanged') {
    terminal.note(`${id} was scheduled just so; ${next}`);
  } else {
    terminal.note(`Changed ${id} (${differences(result.before, spec)}): ${next}`);
  }
  if ((await inTime(session.queue.workers())) === 0) {
    terminal.warn('no worker is running on this Redis: start fetchfleet-worker');
  }
}

/** What is another than before, in the words of the command line. */
function differences(before: ScheduleSpec | undefined, now: ScheduleSpec): string {
  if (before === undefined) {
    return '';
  }
  const changed = [
    ...(before.cron === now.cron ? [] : ['--cron']),
    ...(before.tz === now.tz ? [] : ['--tz']),
    ...(before.overlap === now.overlap ? [] : ['--overlap']),
    ...(before.catchUpMs === now.catchUpMs ? [] : ['--catch-up']),
    ...(JSON.stringify(before.crawl) === JSON.stringify(now.crawl) ? [] : ['crawl file']),
    ...(before.source === now.source ? [] : ['path']),
  ];
  return changed.join(', ');
}
