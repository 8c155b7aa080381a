import {
  type PutResult,
  readLists,
  scheduleDocument,
  type ScheduleSpec,
  viewSchedule,
} from '@fetchfleet/fleet';
import { loadCrawl } from '../../crawl/load-crawl.ts';
import { type NotifyFlags, secretPlanOf } from '../../crawl/notify-flag.ts';
import { warnOfWorkers } from '../../crawl/warn-of-workers.ts';
import { CommandTracing } from '../../core/command-tracing.ts';
import { type Context, withShards } from '../../core/context.ts';
import { EXIT, type ExitCode, Problems } from '../../core/errors.ts';
import { type ListFlags, readListAccess } from '../../core/settings.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { FleetSession } from '../../session/fleet-session.ts';
import { findSchedule, requireFleet, withSchedules } from './schedules.ts';
import { readScheduleSettings, type ScheduleFlags } from './settings.ts';
import { formatNextRun } from './table.ts';

export interface ScheduleAddOptions
  extends ScheduleFlags, NotifyFlags, Pick<ListFlags, 'allowPrivate'> {
  readonly json?: boolean;
  readonly shards?: string;
}

interface Prepared {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly lists: ReadonlyMap<string, Buffer>;
  readonly missingSecrets: readonly string[];
}

/**
 * `fetchfleet schedule add FILE`: starts a batch of the crawl file at every tick. Changes the
 * schedule if its id exists.
 */
export async function addSchedule(
  file: string,
  options: ScheduleAddOptions,
  outer: Context,
): Promise<ExitCode> {
  const context = withShards(outer, options.shards);
  const { id, spec, lists, missingSecrets } = await prepare(file, options, context);
  const work = async (session: FleetSession, trace?: string): Promise<ExitCode> => {
    for (const name of missingSecrets) {
      context.terminal.warn(`${name} is not set here; workers need it`);
    }
    const { ledger, lists: stored, queue } = session.schedules;
    await withTimeout(stored.store(id, lists));
    const result = await withTimeout(ledger.put(id, spec, trace));
    await withTimeout(queue.wake({ id, terms: spec }));
    if (result.before !== undefined) {
      await withTimeout(stored.orphan(result.before.crawl, spec.crawl));
    }
    await report(session, { id, spec, result }, { options, context });
    return EXIT.ok;
  };
  return CommandTracing.use(context, async (tracing) =>
    withSchedules(context, async (session) =>
      tracing.scheduling(id, async (trace) => work(session, trace)),
    ),
  );
}

async function prepare(
  file: string,
  options: ScheduleAddOptions,
  context: Context,
): Promise<Prepared> {
  const problems = new Problems();
  const { id: wanted, ...settings } = readScheduleSettings(options, problems);
  const lists = await problems.collect(() => readListAccess(options, context));
  const { allowPrivate = false, results } = lists ?? {};
  const loaded = await loadCrawl(file, problems, {
    context,
    flags: options,
    allowPrivate,
    results,
  });
  const id = wanted ?? loaded?.crawl.plan.name ?? '';
  const storable =
    loaded === undefined
      ? undefined
      : await problems.collect(async () => readLists(loaded.crawl, id, loaded.source));
  problems.throwIfAny('nothing was scheduled');
  requireFleet(context);
  if (loaded === undefined || storable === undefined) {
    throw new Error('internal error: no problem reported');
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

async function report(
  session: FleetSession,
  { id, spec, result }: Added,
  { options, context }: { readonly options: ScheduleAddOptions; readonly context: Context },
): Promise<void> {
  const { terminal } = context;
  const nowMs = await session.now();
  const schedule = await findSchedule(session, id);
  const view = await withTimeout(viewSchedule(session.ledger, schedule, { nowMs }));
  if (options.json === true) {
    terminal.printJson({ ...scheduleDocument(view), change: result.change });
  } else {
    terminal.print(id);
  }
  const next = formatNextRun(view);
  if (result.change === 'added') {
    terminal.note(`Scheduled ${id}: ${next}`);
  } else if (result.change === 'unchanged') {
    terminal.note(`${id} is already scheduled like this: ${next}`);
  } else {
    terminal.note(`Changed ${id} (${changedSettings(result.before, spec)}): ${next}`);
  }
  await warnOfWorkers(session, secretPlanOf(spec.crawl), terminal);
}

/** The changed settings, named as on the command line. */
function changedSettings(before: ScheduleSpec | undefined, after: ScheduleSpec): string {
  if (before === undefined) {
    return '';
  }
  const changed = [
    ...(before.cron === after.cron ? [] : ['--cron']),
    ...(before.tz === after.tz ? [] : ['--tz']),
    ...(before.overlap === after.overlap ? [] : ['--overlap']),
    ...(before.catchUpMs === after.catchUpMs ? [] : ['--catch-up']),
    ...(JSON.stringify(before.keep) === JSON.stringify(after.keep) ? [] : ['--keep']),
    ...(JSON.stringify(before.crawl) === JSON.stringify(after.crawl) ? [] : ['crawl file']),
    ...(before.source === after.source ? [] : ['path']),
  ];
  return changed.join(', ');
}
