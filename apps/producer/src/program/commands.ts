import { OUTCOMES } from '@fetchfleet/crawl';
import type { Overlap } from '@fetchfleet/fleet';
import { BATCH_STATES } from '../batch/batch-filters.ts';
import type { BatchesOptions } from '../commands/batches.ts';
import type { ExportOptions } from '../commands/export/options.ts';
import type { FailuresOptions } from '../commands/failures.ts';
import type { OriginsOptions } from '../commands/origins/origins.ts';
import type { OriginFlags } from '../commands/origins/settings.ts';
import type { PruneOptions } from '../commands/prune.ts';
import type { QueryOptions } from '../commands/query/query.ts';
import type { ResumeOptions } from '../commands/resume.ts';
import type { RetryOptions } from '../commands/retry.ts';
import type { RunOptions } from '../commands/run.ts';
import type { ScheduleAddOptions } from '../commands/schedule/add.ts';
import type { StartOptions } from '../commands/start.ts';
import type { StatusOptions } from '../commands/status.ts';
import type { ValidateOptions } from '../commands/validate.ts';
import type { VerifyOptions } from '../commands/verify.ts';
import type { Shell } from '../completion/scripts.ts';
import {
  ALLOW_PRIVATE,
  type ArgumentSpec,
  type OptionSpec,
  SETTINGS,
  TRUST_LISTS,
} from '../core/options.ts';
import type { CommandSpec } from './command-spec.ts';

/*
 * Every command of the program with its argument, options, help and implementation: this table is
 * the one place to add a command or a flag. It is long because it is only a list.
 */

interface JsonOption {
  readonly json?: boolean;
}

const CRAWL_FILE: ArgumentSpec = {
  usage: '<file>',
  help: 'crawl file, YAML or JSON',
  offers: { paths: 'files', endings: ['yaml', 'yml', 'json'] },
};
const BATCH: ArgumentSpec = { usage: '<batch>', help: 'batch id' };
const ORIGIN: ArgumentSpec = { usage: '<origin>', help: 'https://HOST[:PORT]' };
const SCHEDULE: ArgumentSpec = { usage: '<schedule>', help: 'schedule id' };

/** Of commands that start workers on this machine. */
const WORKER_OPTIONS: readonly OptionSpec[] = [
  SETTINGS.workers,
  SETTINGS.concurrency,
  SETTINGS.transport,
  SETTINGS.results,
  SETTINGS.umask,
  SETTINGS.secrets,
  ALLOW_PRIVATE,
  TRUST_LISTS,
];

const RUNS_LOCALLY =
  'If the batch is in the private Redis of this folder, the command also fetches, as run does; ' +
  'the options about workers are for that case.';

/** Workers of several machines may have written to several folders. */
const SEVERAL_RESULTS: OptionSpec = {
  ...SETTINGS.results,
  help: 'results folder; may be given several times',
  isRepeatable: true,
};

const OLD_RESULTS: OptionSpec = {
  ...SEVERAL_RESULTS,
  defaultHelp: `the folders the workers wrote to, or ${SETTINGS.results.fallback}`,
};

const OVERLAPS = ['skip', 'queue', 'allow'] as const satisfies readonly Overlap[];
const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[];
const ENDED_STATES = ['finished', 'cancelled'] as const;

const INIT: CommandSpec = {
  name: 'init',
  summary: 'write a crawl file to begin with',
  description:
    'Writes a commented crawl file that runs against the sample API. Overwrites nothing.',
  argument: { usage: '[file]', help: 'file to write; crawl.yaml if it is not given' },
  run: async (file: string | undefined, options: JsonOption, { context }) =>
    (await import('../commands/init.ts')).init(file, options, context),
};

const VALIDATE: CommandSpec = {
  name: 'validate',
  summary: 'check a crawl file, and show what it would fetch',
  description:
    'Reads a crawl file and all its lists, and reports every problem. If there is none, shows how ' +
    'many fetches it has, the first and the last five of them, and how long they take at the ' +
    'limits. Sends nothing to their origins.',
  argument: CRAWL_FILE,
  options: [ALLOW_PRIVATE],
  run: async (file: string, options: ValidateOptions, { context }) =>
    (await import('../commands/validate.ts')).validate(file, options, context),
};

const RUN: CommandSpec = {
  name: 'run',
  summary: 'fetch a crawl file on this machine',
  description:
    'Fetches a crawl file on this machine: starts workers, shows live progress, and prints a ' +
    'summary. Starts a private Redis if REDIS_URL is not set. Continues the unfinished batch of ' +
    'the same crawl, if there is one. If only politeness, retry or limits were edited, they hold ' +
    'for the unfinished batch from now on; after other edits, --resume or --new decides.',
  argument: CRAWL_FILE,
  options: [
    { flags: '--dry-run', help: 'only show what would be fetched, as validate does' },
    { flags: '--new', help: 'start a new batch instead of continuing an unfinished one' },
    {
      flags: '--resume',
      help: 'continue the unfinished batch of this name as it was started, whatever was edited',
      conflicts: 'new',
    },
    ...WORKER_OPTIONS,
  ],
  run: async (file: string, options: RunOptions, { context }) =>
    (await import('../commands/run.ts')).run(file, options, context),
};

const START: CommandSpec = {
  name: 'start',
  summary: 'enqueue a crawl file for the fleet',
  description:
    'Enqueues a crawl file for the workers that share REDIS_URL, and prints the batch id. If an ' +
    'earlier start of the same crawl was interrupted, completes that batch.',
  argument: CRAWL_FILE,
  options: [
    { flags: '--wait', help: 'show progress until the batch is finished' },
    { flags: '--new', help: 'start a new batch instead of completing an interrupted one' },
    ALLOW_PRIVATE,
  ],
  run: async (file: string, options: StartOptions, { context }) =>
    (await import('../commands/start.ts')).start(file, options, context),
};

const STATUS: CommandSpec = {
  name: 'status',
  summary: 'show the progress of one batch, or of all',
  description:
    'Shows the progress of one batch, or of all batches. With --watch, keeps showing it until ' +
    'the batch ends; the exit status is then that of the batch. On a terminal, --watch is a live ' +
    'view of progress, rate, outcomes, origins and workers: q or Ctrl-C closes the view, and the ' +
    'batch goes on. Elsewhere it prints a line every few seconds.',
  argument: { ...BATCH, usage: '[batch]' },
  options: [{ flags: '--watch', help: 'keep showing progress until the batch ends' }],
  run: async (batch: string | undefined, options: StatusOptions, { context }) =>
    (await import('../commands/status.ts')).status(batch, options, context),
};

const BATCHES: CommandSpec = {
  name: 'batches',
  summary: 'list batches',
  description: 'Lists batches, newest first, with their age, progress and result.',
  options: [
    {
      flags: '--state <states...>',
      help: `only batches in these states: ${BATCH_STATES.join(', ')}`,
      offers: { values: BATCH_STATES },
    },
    { flags: '--limit <n>', help: 'number of batches to list', default: '20' },
  ],
  run: async (_none: undefined, options: BatchesOptions, { context }) =>
    (await import('../commands/batches.ts')).batches(options, context),
};

const PAUSE: CommandSpec = {
  name: 'pause',
  summary: 'start no more fetches of a batch until it is resumed',
  description:
    'Starts no more fetches of a batch until it is resumed. Running fetches finish, and ' +
    'enqueueing continues.',
  argument: BATCH,
  run: async (batch: string, options: JsonOption, { context }) =>
    (await import('../commands/pause.ts')).pause(batch, options, context),
};

const RESUME: CommandSpec = {
  name: 'resume',
  summary: 'continue a batch, and repair it',
  description:
    'Continues a paused or cancelled batch. Enqueues every fetch of a batch that is neither ' +
    `settled nor queued. ${RUNS_LOCALLY}`,
  argument: BATCH,
  options: WORKER_OPTIONS,
  run: async (batch: string, options: ResumeOptions, { context }) =>
    (await import('../commands/resume.ts')).resume(batch, options, context),
};

const CANCEL: CommandSpec = {
  name: 'cancel',
  summary: 'stop a batch',
  description: 'Stops a batch. Its records stay, and resume continues it.',
  argument: BATCH,
  run: async (batch: string, options: JsonOption, { context }) =>
    (await import('../commands/cancel.ts')).cancel(batch, options, context),
};

const RETRY: CommandSpec = {
  name: 'retry',
  summary: 'fetch the failed URLs of a batch again',
  description:
    'Fetches the failed URLs of a batch again, each with all its attempts. A success replaces ' +
    `the failure. ${RUNS_LOCALLY}`,
  argument: BATCH,
  options: [
    {
      flags: '--outcome <outcomes...>',
      help: 'only failures with these outcomes; status lists them',
      offers: { values: OUTCOMES.filter((outcome) => outcome !== 'ok') },
    },
    { flags: '--wait', help: 'show progress until the batch is finished' },
    ...WORKER_OPTIONS,
  ],
  notes: `
Examples:
  fetchfleet retry $id --wait
  fetchfleet retry $id --outcome timeout --outcome network-error`,
  run: async (batch: string, options: RetryOptions, { context }) =>
    (await import('../commands/retry.ts')).retry(batch, options, context),
};

const FAILURES: CommandSpec = {
  name: 'failures',
  summary: 'show what failed, and why',
  description:
    'Groups the failed fetches of a batch by origin and reason, the most frequent first, with ' +
    'one example each. Reads the results folder.',
  argument: BATCH,
  options: [{ flags: '--limit <n>', help: 'number of groups to show', default: '20' }, OLD_RESULTS],
  run: async (batch: string, options: FailuresOptions, { context }) =>
    (await import('../commands/failures.ts')).failures(batch, options, context),
};

const VERIFY: CommandSpec = {
  name: 'verify',
  summary: 'compare the results of a batch with its ledger',
  description:
    'Reads all parts of a batch and counts what the ledger has as fetched but has no record here ' +
    '(missing), lines that were not written to their end (torn), further records of the same ' +
    'fetch (doubled) and lines of something else (foreign). Exits with 1 if anything is missing ' +
    `or foreign. The parts of all workers must be in the folder. With --repair: ${RUNS_LOCALLY}`,
  argument: BATCH,
  options: [
    { flags: '--repair', help: 'fetch again what is missing, also of a finished batch' },
    { flags: '--wait', help: 'with --repair: show progress until the batch is finished' },
    ...WORKER_OPTIONS.filter((one) => one !== SETTINGS.results),
    OLD_RESULTS,
  ],
  notes: `
Examples:
  fetchfleet verify $id
  fetchfleet verify $id --repair --wait`,
  run: async (batch: string, options: VerifyOptions, { context }) =>
    (await import('../commands/verify.ts')).verify(batch, options, context),
};

const PRUNE: CommandSpec = {
  name: 'prune',
  summary: 'remove old batches: ledger, queue and results',
  description:
    'Removes batches that ended long ago: their ledger, their rest in the queue, and their ' +
    'results. Lists them and asks before it removes anything.',
  options: [
    {
      flags: '--older-than <age>',
      help: 'only batches that ended longer ago than this: 30d, 12h, 45m',
      isRequired: true,
    },
    {
      flags: '--state <states...>',
      help: `only batches in these states: ${ENDED_STATES.join(', ')}`,
      defaultHelp: 'both',
      offers: { values: ENDED_STATES },
    },
    OLD_RESULTS,
    {
      flags: '--orphans',
      help: 'also remove old folders in --results that belong to no batch in this Redis',
    },
    {
      flags: '--trust-folders',
      help: 'also remove results in folders that Redis names, as workers have reported them',
    },
    { flags: '--dry-run', help: 'list the batches and remove nothing', conflicts: 'yes' },
    { flags: '-y, --yes', help: 'remove without asking' },
  ],
  notes: `
The age of a batch counts from its end. Batches that are expanding, running or paused are
never removed. If prune is interrupted, the next prune completes the removal.

Examples:
  fetchfleet prune --older-than 30d --dry-run
  fetchfleet prune --older-than 12h --state cancelled --yes`,
  run: async (_none: undefined, options: PruneOptions, { context }) =>
    (await import('../commands/prune.ts')).prune(options, context),
};

const WORKERS: CommandSpec = {
  name: 'workers',
  summary: 'list the workers of the fleet',
  description:
    'Lists the workers of the fleet: where they run, what they are doing, and when they were ' +
    'last seen. A worker that was killed is listed as gone for 15 minutes.',
  run: async (_none: undefined, options: JsonOption, { context }) =>
    (await import('../commands/workers.ts')).listWorkers(options, context),
};

const EXPORT: CommandSpec = {
  name: 'export',
  summary: 'write the records of a batch, in order',
  description:
    'Writes one record for each fetch, in the order of the crawl. Reads only the results folder ' +
    'and needs no Redis. The exit status is 1 if some fetches have no record yet.',
  argument: BATCH,
  options: [
    {
      flags: '--format <format>',
      help: 'format of the records',
      choices: ['ndjson', 'csv', 'parquet'],
      default: 'ndjson',
    },
    { flags: '--fields <names>', help: 'only these fields, in this order: index,params.id,body' },
    {
      flags: '--outcome <outcomes...>',
      help: 'only records with these outcomes',
      offers: { values: OUTCOMES },
    },
    { flags: '--select <path>', help: 'keep this part of each JSON body: $.items' },
    { flags: '--explode <path>', help: 'write a row for each item of this list in the bodies' },
    {
      flags: '--bodies <dir>',
      help: 'write every body to a file in this folder',
      offers: { paths: 'directories' },
    },
    {
      flags: '--integers <params>',
      help: 'with --format parquet: parameters that are whole numbers, as INT64',
    },
    {
      flags: '--csv-safe',
      help: 'write CSV in which no cell is a formula for a spreadsheet',
    },
    {
      flags: '-o, --output <file>',
      help: 'file to write to, compressed if it ends in .gz or .zst; - is stdout',
      default: '-',
      offers: { paths: 'files' },
    },
    { flags: '--to <url>', help: 'write to a database: postgres://USER@HOST/DATABASE' },
    { flags: '--table <name>', help: 'with --to: the table to write to', defaultHelp: 'fetches' },
    SEVERAL_RESULTS,
    SETTINGS.umask,
  ],
  notes: `
Examples:
  fetchfleet export $id -o records.ndjson.zst
  fetchfleet export $id --format parquet -o records.parquet
  fetchfleet export $id --format csv --fields index,params.id,body.name
  fetchfleet export $id --outcome ok --explode '$.items' -o items.ndjson
  fetchfleet export $id --bodies pages -o pages.ndjson
  fetchfleet export $id --to postgres://me@db.example/crawls`,
  run: async (batch: string, options: ExportOptions, { context }) =>
    (await import('../commands/export/export.ts')).exportRecords(batch, options, context),
};

const QUERY: CommandSpec = {
  name: 'query',
  summary: 'ask SQL about the records of a batch',
  description:
    'Runs a statement of SQL over the table records: a row for each fetch, or page, with the ' +
    'columns of export --format parquet. Needs DuckDB (npm install @duckdb/node-api) and no Redis. ' +
    'The table is kept beside the results, and made anew when they have changed. --json is ' +
    '--format json. The exit status is 1 if some fetches have no record yet.',
  argument: BATCH,
  furtherArguments: [{ usage: '[statement]', help: 'SQL, in quotes' }],
  options: [
    {
      flags: '--sql <file>',
      help: 'a file with the statement',
      offers: { paths: 'files', endings: ['sql'] },
    },
    {
      flags: '--format <format>',
      help: 'format of the answer; a table has the first 1,000 rows',
      choices: ['table', 'csv', 'json', 'parquet'],
      default: 'table',
    },
    {
      flags: '-o, --output <file>',
      help: 'file to write to, compressed if it ends in .gz or .zst; - is stdout',
      default: '-',
      offers: { paths: 'files' },
    },
    SEVERAL_RESULTS,
    SETTINGS.umask,
  ],
  notes: `
Examples:
  fetchfleet query $id "select outcome, count(*) from records group by all"
  fetchfleet query $id "select params_country, body->>'$.name' from records" --format csv
  fetchfleet query $id --sql report.sql --format parquet -o report.parquet`,
  run: async (given: [string, string | undefined], options: QueryOptions, { context }) =>
    (await import('../commands/query/query.ts')).query(given, options, context),
};

const ORIGINS: CommandSpec = {
  name: 'origins',
  summary: 'show the limits of origins, or set them',
  description:
    'Shows the state of every origin that the fleet knows: its limits and where they come from, ' +
    'fetches in flight, fetches waiting, blocks, and whether it is down.',
  options: [{ flags: '--watch', help: 'redraw every second until Ctrl-C', conflicts: 'json' }],
  notes: `
A limit without a source beside it comes from the crawl files: the strictest of all running
batches counts. Limits that were set with origins set override the crawl files. What
robots.txt asks for and what the fleet has learned about an origin always applies.

Examples:
  fetchfleet origins --watch
  fetchfleet origins set https://api.example --rate 5/s --burst 10 --concurrency 8
  fetchfleet origins set https://api.example:8443 --rate unlimited
  fetchfleet origins unset https://api.example
  fetchfleet origins --json | jq '.origins[] | select(.blockedUntil)'`,
  run: async (_none: undefined, options: OriginsOptions, { context }) =>
    (await import('../commands/origins/origins.ts')).origins(options, context),
  subcommands: [
    {
      name: 'set',
      summary: 'set limits of an origin for the whole fleet',
      description:
        'Sets limits of an origin for the whole fleet. They override the limits of crawl files, ' +
        'apply to running batches within seconds, and stay until origins unset. A limit that is ' +
        'not given stays as it is.',
      argument: ORIGIN,
      options: [
        {
          flags: '--rate <rate>',
          help: 'requests per time: N/s, N/m, N/h or unlimited',
          offers: { values: ['unlimited'] },
        },
        { flags: '--burst <n>', help: 'requests that may start at once before the rate applies' },
        {
          flags: '--concurrency <n>',
          help: 'requests in flight: a number or unlimited',
          offers: { values: ['unlimited'] },
        },
        { flags: '--forget', help: 'forget the rate and concurrency that the fleet has learned' },
      ],
      run: async (origin: string, options: OriginFlags & JsonOption, { context }) =>
        (await import('../commands/origins/set.ts')).setOrigin(origin, options, context),
    },
    {
      name: 'unset',
      summary: 'remove the limits that were set',
      description:
        'Removes the limits that were set for an origin. The limits of crawl files apply again.',
      argument: ORIGIN,
      run: async (origin: string, options: JsonOption, { context }) =>
        (await import('../commands/origins/set.ts')).unsetOrigin(origin, options, context),
    },
  ],
};

const SCHEDULE_ADD: CommandSpec = {
  name: 'add',
  summary: 'schedule a crawl file, or change its schedule',
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
    ALLOW_PRIVATE,
  ],
  run: async (file: string, options: ScheduleAddOptions, { context }) =>
    (await import('../commands/schedule/add.ts')).addSchedule(file, options, context),
};

const SCHEDULES: CommandSpec = {
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
  fetchfleet schedule list
  fetchfleet schedule run-now countries`,
  subcommands: [
    SCHEDULE_ADD,
    {
      name: 'list',
      summary: 'show next and last runs, and their results',
      description: 'Shows all schedules, or one schedule with its last 50 runs.',
      argument: { ...SCHEDULE, usage: '[schedule]' },
      run: async (id: string | undefined, options: JsonOption, { context }) =>
        (await import('../commands/schedule/list.ts')).listSchedules(id, options, context),
    },
    {
      name: 'pause',
      summary: 'start no batches until the schedule is resumed',
      description:
        'Starts no batches of a schedule until it is resumed. Runs that were due meanwhile are ' +
        'not caught up. Running batches continue.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../commands/schedule/pause.ts')).setSchedulePaused(
          { id, isPaused: true },
          options,
          context,
        ),
    },
    {
      name: 'resume',
      summary: 'let a paused schedule start batches again',
      description: 'Lets a paused schedule start batches again, from the next run on.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../commands/schedule/pause.ts')).setSchedulePaused(
          { id, isPaused: false },
          options,
          context,
        ),
    },
    {
      name: 'remove',
      summary: 'remove a schedule',
      description: 'Removes a schedule and its history. Its batches stay, running ones too.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../commands/schedule/remove.ts')).removeSchedule(id, options, context),
    },
    {
      name: 'run-now',
      summary: 'start a batch now',
      description:
        'Starts a batch of a schedule now, also if the schedule is paused, and prints its id. ' +
        '--overlap of the schedule applies: the exit status is 1 if the last batch still runs ' +
        'and this one is skipped.',
      argument: SCHEDULE,
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../commands/schedule/run-now.ts')).runScheduleNow(id, options, context),
    },
  ],
};

const COMPLETION: CommandSpec = {
  name: 'completion',
  summary: 'print a shell completion script',
  description: 'Prints a script that makes your shell complete fetchfleet command lines.',
  argument: { usage: '<shell>', help: 'your shell', choices: SHELLS },
  notes: `
To install it for every new shell:
  bash   echo 'source <(fetchfleet completion bash)' >> ~/.bashrc
  zsh    echo 'source <(fetchfleet completion zsh)' >> ~/.zshrc
  fish   fetchfleet completion fish > ~/.config/fish/completions/fetchfleet.fish

It completes commands, options and their values, and crawl files. If Redis answers at once,
it also completes ids of batches and schedules, and origins.`,
  run: async (shell: Shell, options: JsonOption, { context }) =>
    (await import('../completion/completion.ts')).completion(shell, options, context),
};

/** The scripts that `completion` prints call this. */
const COMPLETE: CommandSpec = {
  name: '__complete',
  summary: 'complete a command line',
  description: 'Prints what may come at the end of a command line.',
  argument: { usage: '[words...]', help: 'the command line so far' },
  isHidden: true,
  run: async (words: string[], _options: JsonOption, { context, program }) =>
    (await import('../completion/completion.ts')).answerShell(program, words, context),
};

/** In the order of --help. */
export const COMMANDS: readonly CommandSpec[] = [
  INIT,
  VALIDATE,
  RUN,
  START,
  STATUS,
  BATCHES,
  PAUSE,
  RESUME,
  CANCEL,
  RETRY,
  FAILURES,
  VERIFY,
  PRUNE,
  WORKERS,
  EXPORT,
  QUERY,
  ORIGINS,
  SCHEDULES,
  COMPLETION,
  COMPLETE,
];
