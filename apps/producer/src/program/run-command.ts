import { VERSION } from '@fetchfleet/crawl';
import { CommanderError } from 'commander';
import type { Context } from '../core/context.ts';
import {
  CommandError,
  EXIT,
  type ExitCode,
  exitCodeFor,
  isUnexpected,
  messageOf,
  problemLines,
} from '../core/errors.ts';
import { isInterruption } from '../core/interrupts.ts';
import { buildCli } from './program.ts';

/**
 * Runs one command line to its end. It never throws: whatever goes wrong is told on the terminal.
 *
 * @param args the words behind `fetchfleet`
 */
export async function runCommand(args: readonly string[], context: Context): Promise<ExitCode> {
  // A command line without a command ends with this.
  let exitCode: ExitCode = EXIT.badInput;
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
    if (isInterruption(error)) {
      return EXIT.interrupted;
    }
    if (error instanceof CommanderError) {
      // commander has printed the message. Help and version are "errors" with exit code 0.
      return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    }
    report(error, context);
    return exitCodeFor(error);
  }
}

function report(error: unknown, { env, terminal }: Context): void {
  const isDebugging = Boolean(env['FETCHFLEET_DEBUG']);
  if (isDebugging) {
    const stack = (error instanceof Error ? error.stack : undefined) ?? String(error);
    terminal.say(...stack.split('\n'));
  }
  const message = messageOf(error);
  const problems = problemLines(error) ?? [];
  for (const problem of problems) {
    terminal.error(problem);
  }
  if (problems.length === 0) {
    terminal.error(message);
  } else if (error instanceof CommandError) {
    terminal.say(message);
  }
  if (isUnexpected(error) && !isDebugging) {
    terminal.say('This is an error in fetchfleet. FETCHFLEET_DEBUG=1 shows where it happened.');
  }
}
