import { VERSION } from '@fetchfleet/crawl';
import { CommanderError } from 'commander';
import { buildCli, NO_COMMAND } from './program/program.ts';
import { CommandError } from './core/command-error.ts';
import { EXIT, type ExitCode, exitCodeFor } from './core/exit-codes.ts';
import { Interrupts, isInterruption } from './core/interrupts.ts';
import { Terminal } from './core/terminal.ts';

/** A handle that was forgotten must not keep the process of a command that has ended. */
const LINGER_MS = 2_000;

const terminal = new Terminal({ stdout: process.stdout, stderr: process.stderr });
const interrupts = new Interrupts((code) => {
  // A progress bar hides the cursor.
  if (terminal.isInteractive) process.stderr.write('\u001B[?25h');
  process.exit(code);
});

/** Whoever reads our output may have enough of it: `fetchfleet export … | head`. */
function endQuietlyOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
}

async function tell(error: unknown): Promise<void> {
  // commander has told its own errors.
  if (error instanceof CommanderError) return;
  if (process.env['FETCHFLEET_DEBUG']) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
  const { problemLines } = await import('./core/problems.ts');
  const problems = error instanceof CommandError ? error.problems : problemLines(error);
  for (const problem of problems ?? []) terminal.error(problem);
  const message = error instanceof Error ? error.message : String(error);
  if (problems === undefined || problems.length === 0) terminal.error(message);
  else if (error instanceof CommandError) terminal.say(message);
}

async function main(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = NO_COMMAND;
  const context = { env: process.env, cwd: process.cwd(), terminal, interrupts };
  const cli = buildCli(
    context,
    async (action) => {
      exitCode = await action();
    },
    VERSION,
  );
  try {
    await cli.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isInterruption(error)) return EXIT.interrupted;
    await tell(error);
    return exitCodeFor(error);
  }
}

process.stdout.on('error', endQuietlyOnClosedPipe);
process.stderr.on('error', endQuietlyOnClosedPipe);
interrupts.listen();
process.exitCode = await main(process.argv.slice(2));
interrupts.stop();
setTimeout(() => process.exit(), LINGER_MS).unref();
