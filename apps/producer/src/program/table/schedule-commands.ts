import type { Overlap } from '@fetchfleet/fleet';
import type { ScheduleAddOptions } from '../../commands/schedule/add.ts';
import { ALLOW_PRIVATE, type ArgumentSpec, SHARDS } from '../../core/options.ts';
import type { CommandSpec } from './command-spec.ts';
import { CRAWL_FILE, type JsonOption, NOTIFY } from './parts.ts';

const SCHEDULE: ArgumentSpec = { usage: '<schedule>', help: 'schedule id' };

const OVERLAPS = ['skip', 'queue', 'allow'] as const satisfies readonly Overlap[];

const SCHEDULE_ADD: CommandSpec = {
  name: 'add',
  summary: 'schedule a crawl file, or change its schedule',
  needsNoOutput: true,
  description:
    'Schedules a crawl file. If a schedule with this id exists, changes it and keeps its ' +
    'history; if nothing is different, changes nothing.',
  argument: CRAWL_FILE,
  options: [
    {
      flags: '--cron <pattern>',
      help: 'minute hour day month weekday, or a name such as @daily',
      isRequired: true,
    },
    {
      flags: '--tz <zone>',
      help: 'time zone of the pattern, such as Europe/Oslo',
      default: 'UTC',
      offers: { values: () => ['UTC', ...Intl.supportedValuesOf('timeZone')] },
    },
    {
      flags: '--id <name>',
      help: 'id of the schedule',
      defaultHelp: 'the name of the crawl',
    },
    {
      flags: '--overlap <policy>',
      help: 'if the last batch still runs: skip this run; queue it, at most one; or allow both',
      default: 'skip',
      offers: { values: OVERLAPS },
    },
    {
      flags: '--catch-up <window>',
      help: 'a missed run still starts if it is not later than this; 0 for never',
      default: '1h',
    },
    {
      flags: '--keep <n|age>',
      help: 'remove older batches of the schedule: all but the last 10, or all older than 30d',
      defaultHelp: 'all stay',
    },
    NOTIFY,
    ALLOW_PRIVATE,
    SHARDS,
  ],
  run: async (file: string, options: ScheduleAddOptions, { context }) =>
    (await import('../../commands/schedule/add.ts')).addSchedule(file, options, context),
};

export const SCHEDULES: CommandSpec = {
  name: 'schedule',
  summary: 'start batches of a crawl file at set times',
  description: 'Lets the workers of the fleet start a batch of a crawl file at set times.',
  notes: `
A worker must be running at that time: fetchfleet-worker starts the batches. Files that the
crawl file refers to are stored with the schedule, up to 16 MiB together; lists at URLs
(file: https://…) are read at each run. A time that does not exist because clocks go forward
runs an hour later; a time that occurs twice because they go back runs only the first time.

Examples:
  fetchfleet schedule add countries.yaml --cron "0 6 * * *" --tz Europe/Oslo
  fetchfleet schedule add countries.yaml --cron "*/15 * * * *" --overlap queue --catch-up 0
  fetchfleet schedule add countries.yaml --cron @daily --keep 30d
  fetchfleet schedule list
  fetchfleet schedule run-now countries`,
  subcommands: [
    SCHEDULE_ADD,
    {
      name: 'list',
      summary: 'show next and last runs, and their results',
      description:
        'Shows all schedules, or one schedule with its last 50 runs: how each ended, how many ' +
        'fetches failed, and how long it took.',
      argument: { ...SCHEDULE, usage: '[schedule]' },
      run: async (id: string | undefined, options: JsonOption, { context }) =>
        (await import('../../commands/schedule/list.ts')).listSchedules(id, options, context),
    },
    {
      name: 'pause',
      summary: 'start no batches until the schedule is resumed',
      needsNoOutput: true,
      description:
        'Starts no batches of a schedule until it is resumed. Runs that were due meanwhile are ' +
        'not caught up. Running batches continue.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../../commands/schedule/pause.ts')).setSchedulePaused(
          { id, isPaused: true },
          options,
          context,
        ),
    },
    {
      name: 'resume',
      summary: 'let a paused schedule start batches again',
      needsNoOutput: true,
      description: 'Lets a paused schedule start batches again, from the next run on.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../../commands/schedule/pause.ts')).setSchedulePaused(
          { id, isPaused: false },
          options,
          context,
        ),
    },
    {
      name: 'remove',
      summary: 'remove a schedule',
      needsNoOutput: true,
      description: 'Removes a schedule and its history. Its batches stay, running ones too.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../../commands/schedule/remove.ts')).removeSchedule(id, options, context),
    },
    {
      name: 'run-now',
      summary: 'start a batch now',
      needsNoOutput: true,
      description:
        'Starts a batch of a schedule now, also if the schedule is paused, and prints its id. ' +
        '--overlap of the schedule applies: the exit status is 1 if the last batch still runs ' +
        'and this one is skipped.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../../commands/schedule/run-now.ts')).runScheduleNow(id, options, context),
    },
  ],
};
