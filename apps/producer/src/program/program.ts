import { Command, Option } from 'commander';
import { addBatches, addFailures, addPause, addPrune, addRetry, addWorkers } from './batches.ts';
import { addOrigins } from './origins.ts';
import { addSchedules } from './schedule.ts';
import { withWorkerOptions } from './worker-options.ts';
import { addCompletion } from './completion.ts';
import type { Context } from '../core/context.ts';
import type { ExitCode } from '../core/errors.ts';

const HELP = `
Examples:
  fetchfleet run countries.yaml                     fetch everything, here and now
  fetchfleet run countries.yaml --workers 2 --concurrency 200 --transport undici
  id=$(fetchfleet start countries.yaml)             enqueue for workers elsewhere
  fetchfleet status $id --watch
  fetchfleet export $id --format csv -o countries.csv
  fetchfleet failures $id                           what failed, and why
  fetchfleet retry $id --wait                       fetch that again
  fetchfleet origins --watch                        limits, blocks, who waits
  fetchfleet origins set https://api.example --rate 5/s
  source <(fetchfleet completion bash)              the Tab key; also for zsh and fish

Environment:
  REDIS_URL    the Redis of the fleet: redis://, rediss:// or unix:///PATH; without it, run
               starts a private one under .fetchfleet/ and the other commands find it there
  FETCHFLEET_WORKERS, _CONCURRENCY, _TRANSPORT, _RESULTS    defaults of the flags
  FETCHFLEET_FLEET    fleets with different names do not see each other in one Redis
  NO_COLOR     no colours           FETCHFLEET_DEBUG    stack traces of errors

Exit status:
  0    every fetch succeeded        1    finished, and some failed
  2    the input is wrong           3    Redis or the results folder cannot be reached
  130  interrupted; the message says how to continue`;

type Action = () => Promise<ExitCode>;

/**
 * The command line. A command's module is loaded when it is called: each has much to load, and --help nothing. `invoke` runs the chosen command and keeps its exit status.
 */
export function buildCli(
  context: Context,
  invoke: (action: Action) => Promise<void>,
  version: string,
): Command {
  const { stdout, stderr } = context.terminal;
  const program = new Command('fetchfleet')
    .description('Fetches large batches of URLs with a fleet of workers: durable, polite, exact.')
    .version(version, '-V, --version')
    .helpCommand('help [command]')
    // A subcommand of a command has options of the same name.
    .enablePositionalOptions()
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
    });
  program.hook('preAction', (_program, command) => {
    if (command.opts()['quiet'] === true) context.terminal.quieten();
  });
  for (const add of [
    addRun,
    addStart,
    addStatus,
    addBatches,
    addPause,
    addResume,
    addCancel,
    addRetry,
    addFailures,
    addPrune,
    addWorkers,
    addExport,
    addOrigins,
    addSchedules,
    addCompletion,
  ]) {
    add(program, context, invoke);
  }
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command
      .option('--json', 'one JSON document on stdout, for machines')
      .option('-q, --quiet', 'only warnings and errors on stderr');
  }
  return program;
}

export type Add = (
  program: Command,
  context: Context,
  invoke: (action: Action) => Promise<void>,
) => void;

const addRun: Add = (program, context, invoke) => {
  withWorkerOptions(
    program
      .command('run')
      .summary('fetch a crawl file on this machine')
      .description(
        'Fetches a crawl file on this machine: Redis if REDIS_URL is unset, workers, live progress, results ' +
          'and a summary. An unfinished batch of the same crawl is continued.',
      )
      .argument('<file>', 'crawl file, YAML or JSON')
      .option('--new', 'start another batch, even if an unfinished one could be continued'),
  ).action(async (file: string, options) =>
    invoke(async () => (await import('../commands/run.ts')).run(file, options, context)),
  );
};

const addStart: Add = (program, context, invoke) => {
  program
    .command('start')
    .summary('enqueue a crawl file for the fleet')
    .description(
      'Enqueues a crawl file for the workers that share REDIS_URL, and prints the id of the batch. An enqueueing ' +
        'that was interrupted is completed.',
    )
    .argument('<file>', 'crawl file, YAML or JSON')
    .option('--wait', 'show progress until the batch is finished')
    .option('--new', 'start another batch, even if an interrupted one could be completed')
    .action(async (file: string, options) =>
      invoke(async () => (await import('../commands/start.ts')).start(file, options, context)),
    );
};

const addStatus: Add = (program, context, invoke) => {
  program
    .command('status')
    .summary('show how far a batch is, or all')
    .description(
      'Shows how far a batch is, or all of them. With --watch it goes on until the batch ends, and its exit ' +
        'status tells how. On a terminal that is a live view of progress, pace, outcomes, origins and workers; ' +
        'q or Ctrl-C ends the view and not the batch. Elsewhere it is a line every few seconds.',
    )
    .argument('[batch]', 'batch id')
    .option('--watch', 'go on until the end')
    .action(async (batch: string | undefined, options) =>
      invoke(async () => (await import('../commands/status.ts')).status(batch, options, context)),
    );
};

const addCancel: Add = (program, context, invoke) => {
  program
    .command('cancel')
    .summary('stop a batch where it stands')
    .description('Stops a batch where it stands. What was fetched stays; resume goes on.')
    .argument('<batch>', 'batch id')
    .action(async (batch: string, options) =>
      invoke(async () => (await import('../commands/cancel.ts')).cancel(batch, options, context)),
    );
};

const addResume: Add = (program, context, invoke) => {
  withWorkerOptions(
    program
      .command('resume')
      .summary('go on with a batch, and repair it')
      .description(
        'Goes on with a paused or cancelled batch, and enqueues whatever of a batch is neither settled nor queued. ' +
          'With the private Redis of this folder it also fetches, as run does; the options are for that.',
      )
      .argument('<batch>', 'batch id'),
  ).action(async (batch: string, options) =>
    invoke(async () => (await import('../commands/resume.ts')).resume(batch, options, context)),
  );
};

const addExport: Add = (program, context, invoke) => {
  program
    .command('export')
    .summary('write the records of a batch, in order')
    .description(
      'Writes one record for each fetch, in the order of the crawl, from the results folder alone: no Redis. ' +
        'Exit status 1 if fetches have no record yet.',
    )
    .argument('<batch>', 'batch id')
    .addOption(
      new Option('--format <format>', 'how to write them')
        .choices(['ndjson', 'csv'])
        .default('ndjson'),
    )
    .option('-o, --output <file>', 'where to; - is stdout (default: "-")')
    .option('--results <dir>', 'results folder (default: "./results")')
    .action(async (batch: string, options) =>
      invoke(async () =>
        (await import('../commands/export.ts')).exportRecords(batch, options, context),
      ),
    );
};
