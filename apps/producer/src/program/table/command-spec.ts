import type { Command } from 'commander';
import type { Context } from '../../core/context.ts';
import type { ExitCode } from '../../core/errors.ts';
import type { ArgumentSpec, OptionSpec } from '../../core/options.ts';

/** One command of the program: the command line, --help and shell completion are made of it. */
export interface CommandSpec {
  readonly name: string;
  /** One line in the list of commands. */
  readonly summary: string;
  readonly description: string;
  readonly argument?: ArgumentSpec;
  /** Further arguments: `run` gets all of them as a list. */
  readonly furtherArguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Shown below everything else. */
  readonly notes?: string;
  readonly subcommands?: readonly CommandSpec[];
  readonly isHidden?: boolean;
  /**
   * Whether what it does counts also where nobody gets its output: it goes on where that is lost.
   *
   * @default false: it ends then
   */
  readonly needsNoOutput?: boolean;
  /**
   * Loads the command's module and runs it. Each module takes longer to load than --help takes to
   * answer, so a command imports its own when it is called. A command without `run` only has
   * subcommands. (It is declared as a method so that an entry may name the types of its values.)
   */
  run?(this: void, argument: unknown, options: unknown, invocation: Invocation): Promise<ExitCode>;
}

interface Invocation {
  readonly context: Context;
  /** The whole command line, for completion. */
  readonly program: Command;
}
