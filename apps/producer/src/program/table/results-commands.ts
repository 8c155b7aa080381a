import { OUTCOMES } from '@fetchfleet/crawl';
import type { Change } from '@fetchfleet/results';
import type { DiffOptions } from '../../commands/diff.ts';
import type { GivenExportOptions } from '../../commands/export/options.ts';
import type { PruneOptions } from '../../commands/prune/prune.ts';
import type { QueryOptions } from '../../commands/query/query.ts';
import type { ShowOptions } from '../../commands/request/show.ts';
import type { VerifyOptions } from '../../commands/verify.ts';
import { ALLOW_PRIVATE, SETTINGS } from '../../core/options.ts';
import type { CommandSpec } from './command-spec.ts';
import { BATCH, OLD_RESULTS, RUNS_LOCALLY, SEVERAL_RESULTS, WORKER_OPTIONS } from './parts.ts';

/** As the results package counts them, which takes time to load. */
const CHANGES = [
  'added',
  'changed',
  'removed',
  'unchanged',
  'failed',
] as const satisfies readonly Change[];

const ENDED_STATES = ['finished', 'cancelled'] as const;

export const EXPORT: CommandSpec = {
  name: 'export',
  summary: 'write the records of a batch, in order',
  description:
    'Writes one record for each fetch, in the order of the crawl. Reads only the results folder ' +
    'and needs no Redis. The exit status is 1 if some fetches have no record yet.',
  argument: BATCH,
  options: [
    {
      flags: '-f, --format <format>',
      help: 'format of the records',
      choices: ['ndjson', 'csv', 'parquet'],
      defaultHelp: 'as the file ends, or ndjson',
    },
    { flags: '--fields <names>', help: 'only these fields, in this order: index,params.id,body' },
    {
      flags: '--outcome <outcomes...>',
      help: 'only records with these outcomes',
      offers: { values: OUTCOMES },
    },
    {
      flags: '--changed',
      help: 'leave out what is as it was in an earlier batch (revalidate)',
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
      help: 'file or s3://BUCKET/KEY, compressed if it ends in .gz or .zst; - is stdout',
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
  fetchfleet export $id -o records.parquet
  fetchfleet export $id --format csv --fields index,params.id,body.name
  fetchfleet export $id --outcome ok --explode '$.items' -o items.ndjson
  fetchfleet export $id --bodies pages -o pages.ndjson
  fetchfleet export $id --to postgres://me@db.example/crawls`,
  run: async (batch: string, options: GivenExportOptions, { context }) =>
    (await import('../../commands/export/export.ts')).exportRecords(batch, options, context),
};

export const QUERY: CommandSpec = {
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
      flags: '-f, --format <format>',
      help: 'format of the answer; a table has the first 1,000 rows',
      choices: ['table', 'csv', 'json', 'parquet'],
      defaultHelp: 'as the file ends, or table',
    },
    {
      flags: '-o, --output <file>',
      help: 'file or s3://BUCKET/KEY, compressed if it ends in .gz or .zst; - is stdout',
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
  fetchfleet query $id --sql report.sql -o report.parquet`,
  run: async (given: [string, string | undefined], options: QueryOptions, { context }) =>
    (await import('../../commands/query/query.ts')).query(given, options, context),
};

export const DIFF: CommandSpec = {
  name: 'diff',
  summary: 'compare the records of two batches',
  description:
    'Counts the requests whose answers were added, changed, removed or unchanged from the older ' +
    'batch to the newer one, and those that failed in either. One batch is compared with the one ' +
    'it was compared with when it was fetched (revalidate), or with the last finished one of its ' +
    'name before it. Reads only the results folder and needs no Redis. With --list, --json prints ' +
    'a line for each record. The exit status is 1 if some fetches have no record yet.',
  argument: BATCH,
  furtherArguments: [{ usage: '[batch]', help: 'id of another batch' }],
  options: [
    {
      flags: '--list <changes...>',
      help: `list the records with these changes: ${CHANGES.join(', ')}`,
      offers: { values: CHANGES },
    },
    SEVERAL_RESULTS,
  ],
  notes: `
Examples:
  fetchfleet diff $id
  fetchfleet diff $id --list added changed
  fetchfleet diff $older $newer --json`,
  run: async (given: [string, string | undefined], options: DiffOptions, { context }) =>
    (await import('../../commands/diff.ts')).diff(given, options, context),
};

export const SHOW: CommandSpec = {
  name: 'show',
  summary: 'show the record of one fetch, or the crawl file of a batch',
  description:
    'Prints the whole record of one fetch. Reads only the results folder and needs no Redis. With ' +
    '--again, fetches the URL anew from here, as the batch does, prints the new record, and keeps ' +
    'the old one; the exit status is then 0 if the fetch succeeded. Without an index, prints the ' +
    'crawl file of the batch as the fleet stores it; secrets are names, and comments are gone.',
  argument: BATCH,
  furtherArguments: [{ usage: '[index]', help: 'index of the fetch in the batch' }],
  options: [
    { flags: '--body', help: 'print only the body', conflicts: 'json' },
    { flags: '--again', help: 'fetch it anew; needs Redis and the secrets of the crawl' },
    { flags: '-v, --verbose', help: 'with --again: show the headers of request and answers' },
    SEVERAL_RESULTS,
    SETTINGS.transport,
    {
      ...SETTINGS.secrets,
      help: 'with --again: variables that may be sent: API_TOKEN@https://api.example',
      defaultHelp: 'FETCHFLEET_SECRET_*; with the private Redis, what the crawl file names',
    },
    { ...ALLOW_PRIVATE, help: 'with --again: reach private addresses, if the crawl allows them' },
  ],
  notes: `
Examples:
  fetchfleet show $id 17
  fetchfleet show $id > again.yaml
  fetchfleet show $id 17 --again -v`,
  run: async (where: readonly [string, string | undefined], options: ShowOptions, { context }) =>
    (await import('../../commands/request/show.ts')).show(where, options, context),
};

export const VERIFY: CommandSpec = {
  name: 'verify',
  summary: 'compare the results of a batch with its ledger',
  needsNoOutput: true,
  description:
    'Reads all parts of a batch and counts what the ledger has as fetched but has no record here ' +
    '(missing), lines that are not whole (torn), further records of the same fetch (doubled) and ' +
    'lines of something else (foreign). Exits with 1 if anything is missing or foreign. ' +
    `The parts of all workers must be in the folder. With --repair: ${RUNS_LOCALLY}`,
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
    (await import('../../commands/verify.ts')).verify(batch, options, context),
};

export const PRUNE: CommandSpec = {
  name: 'prune',
  summary: 'remove batches that have ended: ledger, queue and results',
  needsNoOutput: true,
  description:
    'Removes the batches that are named, or those that ended long ago: their ledger, their rest ' +
    'in the queue, and their results. Lists them and asks before it removes anything. The exit ' +
    'status is 1 if a named batch stays, because another one refers to it.',
  argument: { ...BATCH, usage: '[batch...]' },
  options: [
    {
      flags: '--older-than <age>',
      help: 'all batches that ended longer ago than this: 30d, 12h, 45m',
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
never removed: cancel them first. If prune is interrupted, the next prune completes the removal.

Examples:
  fetchfleet prune $id
  fetchfleet prune --older-than 30d --dry-run
  fetchfleet prune --older-than 12h --state cancelled --yes`,
  run: async (batches: readonly string[], options: PruneOptions, { context }) =>
    (await import('../../commands/prune/prune.ts')).prune(batches, options, context),
};
