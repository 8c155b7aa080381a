import { Option } from 'commander';
import { BATCH_STATES } from '../batch/batch-filters.ts';
import type { Add } from './program.ts';
import { withWorkerOptions } from './worker-options.ts';

export const addBatches: Add = (program, context, invoke) => {
  program
    .command('batches')
    .summary('list batches')
    .description('Lists batches, the newest first: age, progress, and how they ended.')
    .option('--state <states...>', `only these: ${BATCH_STATES.join(', ')}`)
    .option('--limit <n>', 'the newest so many', '20')
    .action(async (options) =>
      invoke(async () => (await import('../commands/batches.ts')).batches(options, context)),
    );
};

export const addPause: Add = (program, context, invoke) => {
  program
    .command('pause')
    .summary('start nothing more of a batch, until it is resumed')
    .description(
      'Starts nothing more of a batch until it is resumed. Fetches that run end; enqueueing goes on.',
    )
    .argument('<batch>', 'batch id')
    .action(async (batch: string, options) =>
      invoke(async () => (await import('../commands/pause.ts')).pause(batch, options, context)),
    );
};

const RETRY_HELP = `
Examples:
  fetchfleet retry $id --wait
  fetchfleet retry $id --outcome timeout --outcome network-error`;

export const addRetry: Add = (program, context, invoke) => {
  withWorkerOptions(
    program
      .command('retry')
      .summary('fetch the failed ones again')
      .description(
        'Fetches the failed ones of a batch again, with all their attempts. What succeeds takes the place of the ' +
          'failure. With the private Redis of this folder it also fetches, as run does; the options are for that.',
      )
      .argument('<batch>', 'batch id')
      .option('--outcome <outcomes...>', 'only failures of these outcomes, as status names them')
      .option('--wait', 'show progress until the batch is finished')
      .addHelpText('after', RETRY_HELP),
  ).action(async (batch: string, options) =>
    invoke(async () => (await import('../commands/retry.ts')).retry(batch, options, context)),
  );
};

export const addFailures: Add = (program, context, invoke) => {
  program
    .command('failures')
    .summary('show what failed, and why')
    .description(
      'Groups the failed fetches of a batch by origin and reason, the most frequent first, with an example ' +
        'each. Reads the results folder.',
    )
    .argument('<batch>', 'batch id')
    .option('--limit <n>', 'groups to show', '20')
    .option('--results <dir>', 'results folder (default: where workers wrote, or "./results")')
    .action(async (batch: string, options) =>
      invoke(async () =>
        (await import('../commands/failures.ts')).failures(batch, options, context),
      ),
    );
};

const PRUNE_HELP = `
The age of a batch counts from its end. Batches that are expanding, running or paused
always stay. What was interrupted is completed by the next prune.

Examples:
  fetchfleet prune --older-than 30d --dry-run
  fetchfleet prune --older-than 12h --state cancelled --yes`;

export const addPrune: Add = (program, context, invoke) => {
  program
    .command('prune')
    .summary('remove old batches: ledger, queue and results')
    .description(
      'Removes batches that ended long ago: their ledger, what is left of them in the queue, and their results. ' +
        'Lists them and asks first.',
    )
    .requiredOption('--older-than <age>', 'how long ago they ended: 30d, 12h, 45m')
    .option('--state <states...>', 'only these: finished, cancelled (default: both)')
    .option('--results <dir>', 'results folder (default: where workers wrote, or "./results")')
    .option('--orphans', 'also old folders in --results that no batch of this Redis belongs to')
    .addOption(new Option('--dry-run', 'list them, and remove nothing').conflicts('yes'))
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', PRUNE_HELP)
    .action(async (options) =>
      invoke(async () => (await import('../commands/prune.ts')).prune(options, context)),
    );
};

export const addWorkers: Add = (program, context, invoke) => {
  program
    .command('workers')
    .summary('list workers: what runs where')
    .description(
      'Lists the workers of the fleet: where they run, what they do, and when they were last seen. One that ' +
        'was killed shows as gone for 15 minutes.',
    )
    .action(async (options) =>
      invoke(async () => (await import('../commands/workers.ts')).listWorkers(options, context)),
    );
};
