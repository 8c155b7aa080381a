import type { Shell } from '../../completion/scripts.ts';
import type { CommandSpec } from './command-spec.ts';
import type { JsonOption } from './parts.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[];

export const COMPLETION: CommandSpec = {
  name: 'completion',
  summary: 'print a shell completion script',
  description: 'Prints a script that makes your shell complete fetchfleet command lines.',
  argument: { usage: '<shell>', help: 'your shell', choices: SHELLS },
  notes: `
To install it for every new shell:
  bash   echo 'source <(fetchfleet completion bash)' >> ~/.bashrc
  zsh    echo 'source <(fetchfleet completion zsh)' >> ~/.zshrc
  fish   fetchfleet completion fish > ~/.config/fish/completions/fetchfleet.fish

It completes commands, options and their values, and crawl files. If Redis answers at once,
it also completes ids of batches and schedules, and origins.`,
  run: async (shell: Shell, options: JsonOption, { context }) =>
    (await import('../../completion/completion.ts')).completion(shell, options, context),
};

/** The scripts that `completion` prints call this. */
export const COMPLETE: CommandSpec = {
  name: '__complete',
  summary: 'complete a command line',
  description: 'Prints what may come at the end of a command line.',
  argument: { usage: '[words...]', help: 'the command line so far' },
  isHidden: true,
  run: async (words: string[], _options: JsonOption, { context, program }) =>
    (await import('../../completion/completion.ts')).answerShell(program, words, context),
};
