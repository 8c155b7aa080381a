import { METHODS } from '@fetchfleet/crawl';
import type { FetchOptions } from '../../commands/request/fetch.ts';
import type { RunOptions } from '../../commands/run.ts';
import type { StartOptions } from '../../commands/start.ts';
import type { ValidateOptions } from '../../commands/validate.ts';
import { ALLOW_PRIVATE, type OptionSpec, SETTINGS, SHARDS } from '../../core/options.ts';
import type { CommandSpec } from './command-spec.ts';
import { CRAWL_FILE, type JsonOption, NOTIFY, PAGE, WORKER_OPTIONS } from './parts.ts';

/** They choose some of the fetches of a crawl file. */
const ONLY: readonly OptionSpec[] = [
  { flags: '-n, --limit <n>', help: 'only the first n fetches' },
  {
    flags: '--sample <n>',
    help: 'only n fetches, spread evenly from the first to the last one',
    conflicts: 'limit',
  },
];

/** Of commands that only read results, for crawls that take values from them. */
const EARLIER_RESULTS: OptionSpec = {
  ...SETTINGS.results,
  help: 'results folder of the batches that the crawl file takes values from',
};

export const INIT: CommandSpec = {
  name: 'init',
  summary: 'write a crawl file to begin with',
  needsNoOutput: true,
  description:
    'Writes a commented crawl file that runs against the sample API, and the schema for editors ' +
    'beside it. Overwrites no crawl file.',
  argument: { usage: '[file]', help: 'file to write; crawl.yaml if it is not given' },
  run: async (file: string | undefined, options: JsonOption, { context }) =>
    (await import('../../commands/init.ts')).init(file, options, context),
};

export const SCHEMA: CommandSpec = {
  name: 'schema',
  summary: 'print the JSON Schema of a crawl file',
  description:
    'Prints the JSON Schema of a crawl file. An editor completes and checks a crawl file by it: ' +
    'init writes it beside the file, and names it in the first line.',
  run: async (_file: unknown, _options: unknown, { context }) =>
    (await import('../../commands/schema.ts')).schema(context),
};

export const VALIDATE: CommandSpec = {
  name: 'validate',
  summary: 'check a crawl file, and show what it would fetch',
  description:
    'Reads a crawl file and all its lists, and reports every problem. If there is none, shows how ' +
    'many fetches it has, the first and the last five of them, and how long they take at the ' +
    'limits. Sends nothing to their origins.',
  argument: CRAWL_FILE,
  options: [
    ...ONLY,
    { flags: '--ask-workers', help: 'also ask the fleet whether its workers may fetch it' },
    ALLOW_PRIVATE,
    EARLIER_RESULTS,
  ],
  run: async (file: string, options: ValidateOptions, { context }) =>
    (await import('../../commands/validate.ts')).validate(file, options, context),
};

export const RUN: CommandSpec = {
  name: 'run',
  summary: 'fetch a crawl file on this machine',
  needsNoOutput: true,
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
    { flags: '--web', help: 'serve a page to watch and steer the fleet meanwhile, as web does' },
    PAGE.port,
    PAGE.open,
    NOTIFY,
    ...WORKER_OPTIONS,
  ],
  run: async (file: string, options: RunOptions, { context }) =>
    (await import('../../commands/run.ts')).run(file, options, context),
};

export const FETCH: CommandSpec = {
  name: 'fetch',
  summary: 'fetch one URL, to see what a worker sees',
  description:
    'Sends one request through the fetcher of the workers and prints its record. Needs no Redis, ' +
    'and asks neither robots.txt nor the limits of the fleet. Follows redirects. The exit status ' +
    'is 0 if the fetch succeeded, as that of a batch.',
  argument: { usage: '<url>', help: 'http or https URL' },
  options: [
    {
      flags: '-H, --header <header>',
      help: "'name: value'; ${env:NAME} in it is a variable; may be given several times",
      isRepeatable: true,
    },
    {
      flags: '-X, --method <method>',
      help: METHODS.join(', '),
      defaultHelp: 'GET, or POST with a body',
      offers: { values: METHODS },
    },
    { flags: '-d, --data <text>', help: 'body; @FILE sends a file' },
    {
      flags: '--data-json <json>',
      help: 'body that is JSON; @FILE sends a file',
      conflicts: 'data',
    },
    { flags: '--body', help: 'print only the body', conflicts: 'json' },
    { flags: '-v, --verbose', help: 'show the headers of request and answers on stderr' },
    { flags: '--timeout <time>', help: 'for the whole fetch', defaultHelp: '30s' },
    { flags: '--max-body <size>', help: 'largest decompressed body', defaultHelp: '10MiB' },
    SETTINGS.transport,
    {
      ...SETTINGS.secrets,
      help: 'variables that may be sent: CRAWL_*,API_TOKEN@https://api.example',
      defaultHelp: 'FETCHFLEET_SECRET_*, and what the headers name',
    },
    { ...ALLOW_PRIVATE, help: 'connect also to loopback and private addresses' },
  ],
  notes: `
Examples:
  fetchfleet fetch https://api.example/countries -v
  fetchfleet fetch https://api.example/me -H 'authorization: Bearer \${env:API_TOKEN}'
  fetchfleet fetch https://api.example/search --data-json '{"q":"rust"}' --body`,
  run: async (url: string, options: FetchOptions, { context }) =>
    (await import('../../commands/request/fetch.ts')).fetchOnce(url, options, context),
};

export const START: CommandSpec = {
  name: 'start',
  summary: 'enqueue a crawl file for the fleet',
  needsNoOutput: true,
  description:
    'Enqueues a crawl file for the workers that share REDIS_URL, and prints the batch id. If an ' +
    'earlier start of the same crawl was interrupted, completes that batch.',
  argument: CRAWL_FILE,
  options: [
    { flags: '--wait', help: 'show progress until the batch is finished' },
    { flags: '--new', help: 'start a new batch instead of completing an interrupted one' },
    ...ONLY,
    NOTIFY,
    ALLOW_PRIVATE,
    EARLIER_RESULTS,
    SHARDS,
  ],
  run: async (file: string, options: StartOptions, { context }) =>
    (await import('../../commands/start.ts')).start(file, options, context),
};
