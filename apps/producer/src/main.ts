import { Socket } from 'node:net';
import { format } from 'node:util';
import { onUncheckedTls, UNCHECKED_TLS } from '@fetchfleet/service/unchecked-tls';
import { EXIT } from './core/errors.ts';
import { FileOutput } from './core/file-output.ts';
import { Interrupts } from './core/interrupts.ts';
import { unwritable } from './core/output-file.ts';
import { type Output, Terminal } from './core/terminal.ts';
import { runCommand } from './program/run-command.ts';

/** A handle that was left open must not keep a command that has ended from exiting. */
const EXIT_DELAY_MS = 2_000;

/** The file descriptor. */
const STDOUT = 1;

const SHOW_CURSOR = '\u001B[?25h';

// What commands create is for this user alone. `--umask` widens that for results.
process.umask(0o077);
// Terminals, pipes and sockets are sockets for Node, whatever its types say of files.
const stdout: Output = process.stdout instanceof Socket ? process.stdout : new FileOutput(STDOUT);
const terminal = new Terminal({ stdout, stderr: process.stderr });
const interrupts = new Interrupts((code) => {
  // A progress bar hides the cursor.
  if (terminal.isInteractive) {
    process.stderr.write(SHOW_CURSOR);
  }
  process.exit(code);
});

/** The reader of our output may close it early: `fetchfleet export … | head`. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') {
    process.exit(EXIT.ok);
  }
}

/** What was asked for is lost. The end of the process removes what is temporary. */
function endOnLostOutput(error: Error): void {
  const { message, exitCode } = unwritable('stdout', error);
  terminal.error(message);
  process.exit(exitCode);
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
stdout.on('error', endOnClosedPipe).on('error', endOnLostOutput);
// Messages that cannot be written do not end the work.
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
