import { format } from 'node:util';
import { VERSION } from '@fetchfleet/crawl';
import { CommanderError } from 'commander';
import {
  CommandError,
  EXIT,
  type ExitCode,
  exitCodeFor,
  isUnexpected,
  messageOf,
  problemLines,
} from './core/errors.ts';
import { Interrupts, isInterruption } from './core/interrupts.ts';
import { Terminal } from './core/terminal.ts';
import { buildCli } from './program/program.ts';

/** A handle that was left open must not keep a command that has ended from exiting. */
const EXIT_DELAY_MS = 2_000;

const SHOW_CURSOR = '\u001B[?25h';

const terminal = new Terminal({ stdout: process.stdout, stderr: process.stderr });
const interrupts = new Interrupts((code) => {
  // A progress bar hides the cursor.
  if (terminal.isInteractive) {
    process.stderr.write(SHOW_CURSOR);
  }
  process.exit(code);
});

/** The reader of our output may close it early: `fetchfleet export … | head`. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') {
    throw error;
  }
  process.exit(EXIT.ok);
}

function report(error: unknown): void {
  if (process.env['FETCHFLEET_DEBUG']) {
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
  if (isUnexpected(error) && !process.env['FETCHFLEET_DEBUG']) {
    terminal.say('This is an error in fetchfleet. FETCHFLEET_DEBUG=1 shows where it happened.');
  }
}

async function main(args: readonly string[]): Promise<ExitCode> {
  // A command line without a command ends with this.
  let exitCode: ExitCode = EXIT.badInput;
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
    if (isInterruption(error)) {
      return EXIT.interrupted;
    }
    if (error instanceof CommanderError) {
      // commander has printed the message. Help and version are "errors" with exit code 0.
      return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    }
    report(error);
    return exitCodeFor(error);
  }
}

/** BullMQ and ioredis print there. `start` and `run` warn of the eviction policy themselves. */
function warn(...parts: unknown[]): void {
  const text = format(...parts);
  if (!text.includes('Eviction policy')) {
    terminal.warn(text.replaceAll(/\s*\n\s*/gu, ' '));
  }
}

Object.assign(console, { warn, error: warn });
process.stdout.on('error', endOnClosedPipe);
process.stderr.on('error', endOnClosedPipe);
interrupts.listen();
process.exitCode = await main(process.argv.slice(2));
interrupts.stop();
setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
