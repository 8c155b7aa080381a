import { toError } from '@fetchfleet/crawl';
import { runInNamespace } from './fleet/namespace.ts';
import { FAULTS } from './nemesis/catalogue.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { report } from './report.ts';
import { runChaos } from './run.ts';

const WRONG_INPUT = 2;
const INTERRUPTED = 130;

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    return readOptions(
      args,
      FAULTS.map(({ name }) => name),
    );
  } catch (error) {
    console.error(`chaos: ${toError(error).message}\n\n${USAGE}`);
    process.exitCode = WRONG_INPUT;
    return undefined;
  }
}

async function main(options: Options): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interruption.abort());
  }
  const outcome = await runChaos(options, {
    print: (line) => console.log(line),
    interrupted: interruption.signal,
  });
  console.log(`\n${report(outcome).join('\n')}`);
  return outcome.breaches.length > 0 ? 1 : outcome.wasInterrupted ? INTERRUPTED : 0;
}

const options = optionsOf(process.argv.slice(2));
if (options?.isList === true) {
  console.log(FAULTS.map(({ name, title }) => `${name.padEnd(22)} ${title}`).join('\n'));
} else if (options !== undefined) {
  process.exitCode = (await runInNamespace()) ?? (await main(options));
}
