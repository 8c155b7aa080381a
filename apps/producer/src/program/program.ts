import { Command } from 'commander';
import { createArgument, createOption } from '../core/command-parts.ts';
import type { Context } from '../core/context.ts';
import type { ExitCode } from '../core/errors.ts';
import { ALLOW_PRIVATE, type OptionSpec, SETTINGS, VARIABLES } from '../core/options.ts';
import { COMMANDS } from './commands.ts';
import type { CommandSpec } from './table/command-spec.ts';

const NOTES = `
Examples:
  fetchfleet run countries.yaml                     fetch everything on this machine
  fetchfleet run countries.yaml --workers 2 --concurrency 200 --transport native
  id=$(fetchfleet start countries.yaml)             enqueue for workers elsewhere
  fetchfleet status $id --watch
  fetchfleet export $id -o countries.csv
  fetchfleet failures $id                           list what failed, and why
  fetchfleet retry $id --wait                       fetch the failed URLs again
  fetchfleet origins --watch                        limits, blocks and queues of origins
  fetchfleet origins set https://api.example --rate 5/s
  source <(fetchfleet completion bash)              shell completion; also for zsh and fish

Environment:
${describeVariables()}

Exit status:
  0    every fetch succeeded
  1    the batch finished and some fetches failed; also an unexpected error
  2    the input is wrong
  3    Redis or the results folder cannot be reached
  130  interrupted; the message says how to continue`;

function describeVariables(): string {
  const rows: [string, readonly string[]][] = [
    ...Object.entries(VARIABLES),
    ...[...Object.values(SETTINGS), ALLOW_PRIVATE].map(
      ({ flags, variable }): [string, string[]] => [
        variable,
        [`stands in for ${/--[\w-]+/u.exec(flags)?.[0]}`],
      ],
    ),
  ];
  return rows
    .map(([name, lines]) => `  ${name.padEnd(26)}${lines.join(`\n${' '.repeat(28)}`)}`)
    .join('\n');
}

/** The command line, as it was typed, may be in it. */
function linesOf(text: string): string[] {
  return text.replace(/\n$/u, '').split('\n');
}

/** Runs the chosen command and keeps its exit status. */
export type Invoke = (action: () => Promise<ExitCode>) => Promise<void>;

/** The command line, made of the command table. */
export function buildCli(context: Context, invoke: Invoke, version: string): Command {
  const { terminal } = context;
  const program = new Command('fetchfleet')
    .description('Fetches large batches of URLs with a fleet of workers: durable, polite, exact.')
    .version(version, '-V, --version')
    .helpCommand('help [command]')
    // A command and its subcommands may have options of the same name.
    .enablePositionalOptions()
    .addHelpText('after', NOTES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(...linesOf(text)),
      writeErr: (text) => terminal.say(...linesOf(text)),
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
    });
  program.hook('preAction', (_program, command) => {
    if (command.opts()['quiet'] === true) {
      context.terminal.setQuiet();
    }
  });
  for (const spec of COMMANDS) {
    addCommand(program, spec, { context, invoke, program });
  }
  return program;
}

interface Building {
  readonly context: Context;
  readonly invoke: Invoke;
  readonly program: Command;
}

const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flags: '--json', help: 'print one JSON document on stdout' },
  { flags: '-q, --quiet', help: 'print only warnings and errors on stderr' },
];

function addCommand(parent: Command, spec: CommandSpec, building: Building): void {
  const {
    name,
    summary,
    description,
    argument,
    furtherArguments,
    notes,
    subcommands = [],
    run,
  } = spec;
  const { context, invoke, program } = building;
  const command = parent
    .command(name, { hidden: spec.isHidden === true })
    .summary(summary)
    .description(description);
  const declared = [...(argument === undefined ? [] : [argument]), ...(furtherArguments ?? [])];
  for (const one of declared) {
    command.addArgument(createArgument(one));
  }
  for (const option of [...(spec.options ?? []), ...COMMON_OPTIONS]) {
    command.addOption(createOption(option));
  }
  if (notes !== undefined) {
    command.addHelpText('after', notes);
  }
  if (subcommands.length > 0) {
    command.enablePositionalOptions();
  }
  for (const one of subcommands) {
    addCommand(command, one, building);
  }
  if (run === undefined) {
    return;
  }
  command.action(async (...values: readonly unknown[]) => {
    context.terminal.needsNoOutput = spec.needsNoOutput === true;
    // commander passes the arguments and then the options.
    const given = values.slice(0, declared.length);
    const value = declared.length > 1 ? given : given[0];
    const options = values[declared.length];
    await invoke(async () => run(value, options, { context, program }));
  });
}
