import type { RunOptions } from '../../commands/run.ts';
import type { StartOptions } from '../../commands/start.ts';
import type { ValidateOptions } from '../../commands/validate.ts';
import { ALLOW_PRIVATE, type OptionSpec } from '../../core/options.ts';
import type { CommandSpec } from './command-spec.ts';
import { CRAWL_FILE, type JsonOption, WORKER_OPTIONS } from './parts.ts';

/** They choose some of the fetches of a crawl file. */
const ONLY: readonly OptionSpec[] = [
  { flags: '-n, --limit <n>', help: 'only the first n fetches' },
  {
    flags: '--sample <n>',
    help: 'only n fetches, spread evenly from the first to the last one',
    conflicts: 'limit',
  },
];

export const INIT: CommandSpec = {
  name: 'init',
  summary: 'write a crawl file to begin with',
  description:
    'Writes a commented crawl file that runs against the sample API. Overwrites nothing.',
  argument: { usage: '[file]', help: 'file to write; crawl.yaml if it is not given' },
  run: async (file: string | undefined, options: JsonOption, { context }) =>
    (await import('../../commands/init.ts')).init(file, options, context),
};

export const VALIDATE: CommandSpec = {
  name: 'validate',
  summary: 'check a crawl file, and show what it would fetch',
  description:
    'Reads a crawl file and all its lists, and reports every problem. If there is none, shows how ' +
    'many fetches it has, the first and the last five of them, and how long they take at the ' +
    'limits. Sends nothing to their origins.',
  argument: CRAWL_FILE,
  options: [...ONLY, ALLOW_PRIVATE],
  run: async (file: string, options: ValidateOptions, { context }) =>
    (await import('../../commands/validate.ts')).validate(file, options, context),
};

export const RUN: CommandSpec = {
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
    ...ONLY,
    ...WORKER_OPTIONS,
  ],
  run: async (file: string, options: RunOptions, { context }) =>
    (await import('../../commands/run.ts')).run(file, options, context),
};

export const START: CommandSpec = {
  name: 'start',
  summary: 'enqueue a crawl file for the fleet',
  description:
    'Enqueues a crawl file for the workers that share REDIS_URL, and prints the batch id. If an ' +
    'earlier start of the same crawl was interrupted, completes that batch.',
  argument: CRAWL_FILE,
  options: [
    { flags: '--wait', help: 'show progress until the batch is finished' },
    { flags: '--new', help: 'start a new batch instead of completing an interrupted one' },
    ...ONLY,
    ALLOW_PRIVATE,
  ],
  run: async (file: string, options: StartOptions, { context }) =>
    (await import('../../commands/start.ts')).start(file, options, context),
};
