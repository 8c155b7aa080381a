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
  const lines = candidates.map(({ value, about }) => `${oneLine(value)}\t${oneLine(about)}`);
  context.terminal.print([[paths ?? 'values', ...endings].join(' '), ...lines].join('\n'));
  return EXIT.ok;
}

/** Ids and origins are foreign text: it must not add lines to the answer or move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
