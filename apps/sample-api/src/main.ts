import { SettingsError, onSignals } from '@fetchfleet/service';
import { CommanderError } from 'commander';
import { createCommand, parseConfig } from './config.ts';
import { createSampleApi } from './server.ts';

const WRONG_INPUT = 2;

async function main(args: readonly string[]): Promise<void> {
  const command = createCommand().parse(args, { from: 'user' });
  const { api: options, json } = parseConfig(command.opts());
  const api = createSampleApi(options);
  const { origin } = await api.listen();
  onSignals({ drain: () => api.stop(), force: () => undefined });
  process.stdout.write(json ? `${JSON.stringify({ origin })}\n` : `sample API on ${origin}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has written the help or the problem.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_INPUT;
  } else if (error instanceof SettingsError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = WRONG_INPUT;
  } else {
    throw error;
  }
}
