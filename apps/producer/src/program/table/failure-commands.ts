import { OUTCOMES } from '@fetchfleet/crawl';
import type { FailuresOptions } from '../../commands/failures.ts';
import type { RetryOptions } from '../../commands/retry.ts';
import type { CommandSpec } from './command-spec.ts';
import { BATCH, OLD_RESULTS, RUNS_LOCALLY, WORKER_OPTIONS } from './parts.ts';

export const RETRY: CommandSpec = {
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
    (await import('../../commands/retry.ts')).retry(batch, options, context),
};

export const FAILURES: CommandSpec = {
  name: 'failures',
  summary: 'show what failed, and why',
  description:
    'Groups the failed fetches of a batch by origin and reason, the most frequent first, with ' +
    'one example each. Reads the results folder.',
  argument: BATCH,
  options: [{ flags: '--limit <n>', help: 'number of groups to show', default: '20' }, OLD_RESULTS],
  run: async (batch: string, options: FailuresOptions, { context }) =>
    (await import('../../commands/failures.ts')).failures(batch, options, context),
};
