import { format } from 'node:util';
import { onUncheckedTls, UNCHECKED_TLS } from '@fetchfleet/service/unchecked-tls';
import { EXIT } from './core/errors.ts';
import { Interrupts } from './core/interrupts.ts';
import { Terminal } from './core/terminal.ts';
import { runCommand } from './program/run-command.ts';

/** A handle that was left open must not keep a command that has ended from exiting. */
const EXIT_DELAY_MS = 2_000;

const SHOW_CURSOR = '\u001B[?25h';

// What commands create is for this user alone. `--umask` widens that for results.
process.umask(0o077);
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

/** BullMQ and ioredis print there. `start` and `run` warn of the eviction policy themselves. */
function warn(...parts: unknown[]): void {
  const text = format(...parts);
  if (!text.includes('Eviction policy')) {
    terminal.warn(text.replaceAll(/\s*\n\s*/gu, ' '));
  }
}

Object.assign(console, { warn, error: warn });
onUncheckedTls(() => terminal.warnOnce(UNCHECKED_TLS));
process.stdout.on('error', endOnClosedPipe);
process.stderr.on('error', endOnClosedPipe);
interrupts.listen();
process.exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  terminal,
  interrupts,
});
interrupts.stop();
setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
