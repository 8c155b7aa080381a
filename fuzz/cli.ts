import { Writable } from 'node:stream';
import { toError } from '@fetchfleet/crawl';
import { CommanderError } from 'commander';
import { exitCodeFor, isUnexpected, problemLines } from '../apps/producer/src/core/errors.ts';
import { Interrupts } from '../apps/producer/src/core/interrupts.ts';
import { Terminal } from '../apps/producer/src/core/terminal.ts';
import { buildCli } from '../apps/producer/src/program/program.ts';
import { holds } from './target.ts';

/** All control characters that a terminal acts on, and those that turn the order of letters. */
const CONTROL = /(?![\n\t])\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command of `fetchfleet` in this process, and checks what holds for all of them: an exit
 * status of the catalogue, no error that nobody expected, no control character for a terminal.
 *
 * @param isData whether stdout is for programs: records, or a document
 */
export async function runCommand(
  args: readonly string[],
  { cwd, redisUrl, isData = false }: { cwd: string; redisUrl: string; isData?: boolean },
): Promise<CommandResult> {
  const stdout = new Collector();
  const stderr = new Collector();
  const terminal = new Terminal({ stdout, stderr });
  const interrupts = new Interrupts(() => undefined);
  const context = { env: { REDIS_URL: redisUrl }, cwd, terminal, interrupts };
  let code: number = 0;
  const program = buildCli(
    context,
    async (action) => {
      code = await action();
    },
    '0.0.0',
  );
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      code = error.exitCode === 0 ? 0 : 2;
    } else {
      holds(!isUnexpected(error), 'every error has its line in the catalogue', stackOf(error));
      code = exitCodeFor(error);
      [...(problemLines(error) ?? []), toError(error).message].forEach((line) =>
        terminal.error(line),
      );
    }
  }
  const shown = isData ? stderr.text : `${stdout.text}${stderr.text}`;
  const found = CONTROL.exec(shown);
  holds(found === null, 'no control character on a terminal', {
    args,
    at: shown.slice(Math.max(0, (found?.index ?? 0) - 60), (found?.index ?? 0) + 60),
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collector extends Writable {
  text = '';

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

function stackOf(error: unknown): string {
  return toError(error).stack ?? String(error);
}
