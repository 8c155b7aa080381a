import { type Command, Option } from 'commander';

/** How a command that fetches here does so. */
export function withWorkerOptions(command: Command): Command {
  return command
    .option('--workers <n>', 'worker processes (default: 4, or the number of cores if less)')
    .option('--concurrency <n>', 'fetches in flight in each worker (default: 50)')
    .addOption(
      // Checked with the other settings, so that all problems are told at once.
      new Option('--transport <name>', 'got: complete; undici: fast (default: "got")'),
    )
    .option('--results <dir>', 'results folder (default: "./results")');
}
