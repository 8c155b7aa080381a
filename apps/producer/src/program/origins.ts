import { Option } from 'commander';
import type { Add } from './program.ts';

const ORIGINS_HELP = `
Limits without a word beside them are those of the crawl files, the strictest of all
batches under way. What was set comes before them; what robots.txt asks for, and what an
origin was found to bear, always counts.

Examples:
  fetchfleet origins --watch
  fetchfleet origins set https://api.example --rate 5/s --burst 10 --concurrency 8
  fetchfleet origins set https://api.example:8443 --rate unlimited
  fetchfleet origins unset https://api.example
  fetchfleet origins --json | jq '.origins[] | select(.blockedUntil)'`;

export const addOrigins: Add = (program, context, invoke) => {
  const origins = program
    .command('origins')
    .summary('show the limits of origins, or set them')
    .description(
      'Shows what the fleet knows of every origin: limits and where they come from, fetches in flight and ' +
        'waiting, blocks, and whether it is down.',
    )
    .addOption(new Option('--watch', 'redraw every second until Ctrl-C').conflicts('json'))
    .enablePositionalOptions()
    .addHelpText('after', ORIGINS_HELP)
    .action(async (options) =>
      invoke(async () =>
        (await import('../commands/origins/origins.ts')).origins(options, context),
      ),
    );
  addOriginsSet(origins, context, invoke);
  origins
    .command('unset')
    .summary('let the crawl files decide again')
    .description('Takes away the limits that were set for an origin: the crawl files decide again.')
    .argument('<origin>', 'https://HOST[:PORT]')
    .action(async (origin: string, options) =>
      invoke(async () =>
        (await import('../commands/origins/set.ts')).unsetOrigin(origin, options, context),
      ),
    );
};

const addOriginsSet: Add = (origins, context, invoke) => {
  origins
    .command('set')
    .summary('set limits of an origin for the whole fleet')
    .description(
      'Sets limits of an origin for the whole fleet. They come before those of crawl files, take effect on ' +
        'running batches within seconds, and hold until they are unset. What is not named stays as it is.',
    )
    .argument('<origin>', 'https://HOST[:PORT]')
    .option('--rate <rate>', 'starts: N/s, N/m, N/h or unlimited')
    .option('--burst <n>', 'starts at once before the rate spaces them')
    .option('--concurrency <n>', 'fetches in flight, or unlimited')
    .action(async (origin: string, options) =>
      invoke(async () =>
        (await import('../commands/origins/set.ts')).setOrigin(origin, options, context),
      ),
    );
};
