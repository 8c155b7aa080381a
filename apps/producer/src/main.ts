import { Socket } from 'node:net';
import { format } from 'node:util';
import { currentFolder } from '@fetchfleet/service/current-folder';
import { onUncheckedTls, UNCHECKED_TLS } from '@fetchfleet/service/unchecked-tls';
import { EXIT, type ExitCode } from './core/errors.ts';
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

/** Why output is lost, unless its reader has closed it early: `fetchfleet export … | head`. */
let lost: Error | undefined;

/** The end of the process removes what is temporary. */
function onLostOutput(error: NodeJS.ErrnoException): void {
  lost ??= error.code === 'EPIPE' ? undefined : error;
  if (!terminal.needsNoOutput) {
    process.exit(tellLost(EXIT.ok));
  }
}

function tellLost(code: ExitCode): ExitCode {
  if (lost === undefined) {
    return code;
  }
  const { message, exitCode } = unwritable('stdout', lost);
  terminal.error(message);
  return code === EXIT.ok ? exitCode : code;
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
stdout.on('error', onLostOutput);
// Messages that cannot be written do not end the work.
process.stderr.on('error', () => undefined);
interrupts.listen();
const exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  get cwd() {
    return currentFolder();
  },
  terminal,
  interrupts,
});
process.exitCode = tellLost(exitCode);
interrupts.stop();
setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
