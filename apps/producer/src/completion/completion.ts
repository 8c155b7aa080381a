import { printable } from '@fetchfleet/crawl';
import type { Command } from 'commander';
import { completionScript, type Shell } from './scripts.ts';
import { complete } from './values.ts';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';

/** `fetchfleet completion SHELL`: prints the script for a shell. */
export async function completion(
  shell: Shell,
  options: { readonly json?: boolean },
  { terminal }: Context,
): Promise<ExitCode> {
  const script = completionScript(shell);
  if (options.json === true) {
    terminal.printJson({ shell, script });
  } else {
    terminal.print(...script.trimEnd().split('\n'));
  }
  return EXIT.ok;
}

/** `fetchfleet __complete -- WORD…`: answers the script of a shell, as `scripts.ts` describes. */
export async function answerShell(
  program: Command,
  words: readonly string[],
  context: Context,
): Promise<ExitCode> {
  const { candidates, paths, endings = [] } = await complete(program, words, context);
  const kind = [paths ?? 'values', ...endings].join(' ');
  // Between a value and its description is a tab, which is not for people.
  const lines = candidates.map((one) => [one.value, one.about].map(printable).join('\t'));
  context.terminal.stdout.write(`${[kind, ...lines].join('\n')}\n`);
  return EXIT.ok;
}
