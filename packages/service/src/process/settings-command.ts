import { printableLines, VERSION } from '@fetchfleet/crawl';
import { Command, Option } from 'commander';
import { type SettingsTable, settingHelp } from './settings-table.ts';

/**
 * The command line of a program whose flags are the settings of a table.
 *
 * @returns a command that throws `CommanderError` for `--help` and unknown flags
 */
export function settingsCommand(
  { name, description }: { readonly name: string; readonly description: string },
  table: SettingsTable,
): Command {
  const command = new Command(name)
    .description(description)
    .version(VERSION)
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    // What was typed may be in the message of a problem.
    .configureOutput({ writeErr: (text) => void process.stderr.write(printableLines(text)) })
    .exitOverride();
  for (const setting of Object.values(table)) {
    command.addOption(new Option(setting.flags, settingHelp(setting)));
  }
  return command;
}
