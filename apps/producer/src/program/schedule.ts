import type { Add } from './program.ts';

const HELP = `
A worker must be running at the time: any fetchfleet-worker does. Files that the crawl file
names are kept with the schedule, up to 16 MiB together; lists at URLs (file: https://…) are
read at every tick. A time that a change of clocks skips comes an hour later; one that comes
twice counts the first time.

Examples:
  fetchfleet schedule add countries.yaml --cron "0 6 * * *" --tz Europe/Oslo
  fetchfleet schedule add countries.yaml --cron "*/15 * * * *" --overlap queue --catch-up 0
  fetchfleet schedule list
  fetchfleet schedule run-now countries`;

/** `fetchfleet schedule …` */
export const addSchedules: Add = (program, context, invoke) => {
  const schedule = program
    .command('schedule')
    .summary('run a crawl file again and again')
    .description('Lets the workers of the fleet start a batch of a crawl file at set times.')
    .enablePositionalOptions()
    .addHelpText('after', HELP);
  addAdd(schedule, context, invoke);
  schedule
    .command('list')
    .summary('next and last runs, and how they went')
    .description('Shows all schedules, or one with the history of its last 50 runs.')
    .argument('[schedule]', 'id of a schedule')
    .action(async (id: string | undefined, options) =>
      invoke(async () =>
        (await import('../commands/schedule/list.ts')).listSchedules(id, options, context),
      ),
    );
  addPauseAndResume(schedule, context, invoke);
  schedule
    .command('remove')
    .summary('end a schedule')
    .description('Removes a schedule and its history. Its batches stay, also those that run.')
    .argument('<schedule>', 'id of a schedule')
    .action(async (id: string, options) =>
      invoke(async () =>
        (await import('../commands/schedule/remove.ts')).removeSchedule(id, options, context),
      ),
    );
  schedule
    .command('run-now')
    .summary('start a batch at once')
    .description(
      'Starts a batch of a schedule at once, also of a paused one, and prints its id. Its --overlap holds: exit ' +
        'status 1 where the batch before has not ended and this one is skipped.',
    )
    .argument('<schedule>', 'id of a schedule')
    .action(async (id: string, options) =>
      invoke(async () =>
        (await import('../commands/schedule/run-now.ts')).runScheduleNow(id, options, context),
      ),
    );
};

const addAdd: Add = (schedule, context, invoke) => {
  schedule
    .command('add')
    .summary('schedule a crawl file, or change that')
    .description(
      'ScheduleStore a crawl file. With the id of a schedule that is there it changes that one, whose history stays; ' +
        'the same again changes nothing.',
    )
    .argument('<file>', 'crawl file, YAML or JSON')
    .requiredOption('--cron <pattern>', 'minute hour day month weekday, or @daily and its like')
    .option('--tz <zone>', 'time zone of the pattern, such as Europe/Oslo (default: "UTC")')
    .option('--id <name>', 'id of the schedule (default: the name of the crawl)')
    .option(
      '--overlap <policy>',
      'while the batch before still runs: skip; queue, at most one; allow (default: "skip")',
    )
    .option(
      '--catch-up <window>',
      'how late the latest missed tick may still run, 0 for never (default: "1h")',
    )
    .action(async (file: string, options) =>
      invoke(async () =>
        (await import('../commands/schedule/add.ts')).addSchedule(file, options, context),
      ),
    );
};

const addPauseAndResume: Add = (schedule, context, invoke) => {
  for (const name of ['pause', 'resume'] as const) {
    const isPaused = name === 'pause';
    schedule
      .command(name)
      .summary(isPaused ? 'let its ticks pass' : 'let it run again')
      .description(
        isPaused
          ? 'Lets the ticks of a schedule pass. They are not caught up. Batches under way go on.'
          : 'Lets a paused schedule run again, from the next tick on.',
      )
      .argument('<schedule>', 'id of a schedule')
      .action(async (id: string, options) =>
        invoke(async () =>
          (await import('../commands/schedule/pause.ts')).setSchedulePaused(
            { id, isPaused },
            options,
            context,
          ),
        ),
      );
  }
};
