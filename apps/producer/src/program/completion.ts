import { Argument } from 'commander';
import type { Add } from './program.ts';
import { SHELLS, type Shell } from '../completion/scripts.ts';

const HELP = `
To have it in every shell from now on:
  bash   echo 'source <(fetchfleet completion bash)' >> ~/.bashrc
  zsh    echo 'source <(fetchfleet completion zsh)' >> ~/.zshrc
  fish   fetchfleet completion fish > ~/.config/fish/completions/fetchfleet.fish

Commands, options and their values are completed, crawl files, and, where Redis answers
at once, the ids of batches and the origins that the fleet knows.`;

/** The command that prints the scripts, and the hidden one that they call. */
export const addCompletion: Add = (program, context, invoke) => {
  program
    .command('completion')
    .summary('print a script that completes command lines')
    .description('Prints a script for your shell, so that the Tab key completes command lines.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(async (shell: Shell, options) =>
      invoke(async () =>
        (await import('../completion/completion.ts')).completion(shell, options, context),
      ),
    );
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) =>
      invoke(async () =>
        (await import('../completion/completion.ts')).answerShell(program, words, context),
      ),
    );
};
