import { OUTCOMES } from '@fetchfleet/crawl';
import type { FailuresOptions } from '../../commands/failures.ts';
import type { RetryOptions } from '../../commands/retry.ts';
import type { OptionSpec } from '../../core/options.ts';
import type { CommandSpec } from './command-spec.ts';
import { BATCH, OLD_RESULTS, RUNS_LOCALLY, WORKER_OPTIONS } from './parts.ts';

/** Which failures are meant: those that are what each of these asks for. */
const FILTERS: readonly OptionSpec[] = [
  {
    flags: '--outcome <outcomes...>',
    help: 'only failures with these outcomes; status lists them',
    offers: { values: OUTCOMES.filter((outcome) => outcome !== 'ok') },
  },
  {
    flags: '--status <statuses>',
    help: 'only answers with these statuses: 404,500-599',
    isRepeatable: true,
  },
  { flags: '--origin <origins>', help: 'only URLs of these origins', isRepeatable: true },
  {
    flags: '--index <indexes>',
    help: 'only fetches with these indexes: 3,17,40-60',
    isRepeatable: true,
  },
];

export const RETRY: CommandSpec = {
  name: 'retry',
  summary: 'fetch the failed URLs of a batch again',
  needsNoOutput: true,
  description:
    'Fetches the failed URLs of a batch again, each with all its attempts. A success replaces ' +
    `the failure. ${RUNS_LOCALLY}`,
  argument: BATCH,
  options: [
    ...FILTERS,
    { flags: '--wait', help: 'show progress until the batch is finished' },
    ...WORKER_OPTIONS,
  ],
  notes: `
Examples:
  fetchfleet retry $id --wait
  fetchfleet retry $id --outcome timeout --outcome network-error
  fetchfleet retry $id --status 500-599,404 --origin https://api.example
  fetchfleet retry $id --index 3,17,40-60`,
  run: async (batch: string, options: RetryOptions, { context }) =>
    (await import('../../commands/retry.ts')).retry(batch, options, context),
};

export const FAILURES: CommandSpec = {
  name: 'failures',
  summary: 'show what failed, and why',
  description:
    'Groups the failed fetches of a batch by origin and reason, the most frequent first, with ' +
    'one example each. With --list, shows every failed URL in the order of the crawl; --json then ' +
    'prints one JSON document for each. Reads the results folder.',
  argument: BATCH,
  options: [
    { flags: '--list', help: 'every failed URL, one line each' },
    ...FILTERS,
    {
      flags: '-n, --limit <n>',
      help: 'number of groups, or of URLs',
      defaultHelp: '20 groups, all URLs',
    },
    OLD_RESULTS,
  ],
  notes: `
Examples:
  fetchfleet failures $id
  fetchfleet failures $id --list --status 500-599
  fetchfleet failures $id --list --json | jq -r .url`,
  run: async (batch: string, options: FailuresOptions, { context }) =>
    (await import('../../commands/failures.ts')).failures(batch, options, context),
};
