import { Interrupts } from '../../apps/producer/src/core/interrupts.ts';
import { Terminal } from '../../apps/producer/src/core/terminal.ts';
import { buildCli } from '../../apps/producer/src/program/program.ts';

/** Every command of the command table, with its arguments, options and examples. */
export async function commandLinePage() {
  const terminal = new Terminal({ stdout: process.stdout, stderr: process.stderr });
  const context = { env: {}, cwd: '/', terminal, interrupts: new Interrupts(() => undefined) };
  const program = buildCli(context, async () => undefined, '0.0.0');
  return [
    'Options stand behind the command. `--help` prints this for one command;',
    '[Commands](/commands/) shows them at work.',
    ...commandsOf(program).flatMap((command) => commandLines(command, [])),
    '',
  ].join('\n');
}

/** What only shells call is hidden, and `help` is no command of ours. */
function commandsOf(command) {
  const visible = command.createHelp().visibleCommands(command);
  return visible.filter((one) => one.name() !== 'help');
}

/** A command, and below it its subcommands. */
function commandLines(command, path) {
  const words = [...path, command.name()];
  return [
    '',
    `${'#'.repeat(path.length + 2)} ${words.join(' ')}`,
    '',
    command.description(),
    '',
    '```text',
    `fetchfleet ${[...words, command.usage()].join(' ')}`,
    '```',
    ...table(
      ['argument', 'meaning'],
      command.registeredArguments.map((one) => [`\`${one.name()}\``, one.description]),
    ),
    ...table(
      ['option', 'meaning'],
      command.options
        .filter(({ hidden }) => !hidden)
        .map(({ flags, description: meaning }) => [`\`${flags}\``, meaning]),
    ),
    ...examplesOf(command),
    ...commandsOf(command).flatMap((one) => commandLines(one, words)),
  ];
}

/** What stands below the options in --help. */
function examplesOf(command) {
  const texts = [];
  command.configureOutput({ writeOut: (text) => texts.push(text) }).outputHelp();
  const after = texts.join('').replace(command.helpInformation(), '').trim();
  return after === '' ? [] : ['', '```text', after, '```'];
}

function table(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => escaped(cell)).join(' | ')} |`,
  );
  return rows.length === 0 ? [] : ['', ...lines];
}

/** Help is plain text: its addresses are no links, and its signs no marks of Markdown. */
function escaped(text) {
  return text
    .split(/(`[^`]*`|\w+:\/\/\S*[\w\]/])/u)
    .map((part, at) => {
      const isCode = at % 2 === 1;
      return isCode ? `\`${part.replaceAll('`', '')}\`` : part.replaceAll(/[<*_[\]]/gu, '\\$&');
    })
    .join('')
    .replaceAll('|', '\\|');
}
