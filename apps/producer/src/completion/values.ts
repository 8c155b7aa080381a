import type { Argument, Command } from 'commander';
import { offersOf } from '../core/command-parts.ts';
import type { Context } from '../core/context.ts';
import type { OfferedValues } from '../core/options.ts';
import { type Cursor, locateCursor } from './cursor.ts';
import type { Candidate } from './known-ids.ts';

/** What a shell is to offer. It finds paths by itself, as it does for every command. */
export interface Completion extends Pick<OfferedValues, 'paths' | 'endings'> {
  readonly candidates: readonly Candidate[];
}

const NOTHING: Completion = { candidates: [] };

/** What may stand at the cursor of a command line. @param words see {@link locateCursor} */
export async function complete(
  program: Command,
  words: readonly string[],
  context: Context,
): Promise<Completion> {
  const cursor = locateCursor(program, words);
  if (cursor.option !== undefined) {
    return withPrefix(cursor.prefix, fixedValues(cursor.option));
  }
  if (cursor.prefix !== '') {
    return NOTHING;
  }
  if (cursor.typed.startsWith('-') && cursor.mayBeOption) {
    return { candidates: optionNames(cursor) };
  }
  const values = await argumentValues(cursor, context);
  const candidates = [...(cursor.mayBeCommand ? commandNames(cursor) : []), ...values.candidates];
  const isEmpty = candidates.length === 0 && values.paths === undefined;
  // If nothing but options may come, offer them before a "-" is typed.
  if (isEmpty && cursor.argument === undefined && cursor.mayBeOption) {
    return { candidates: optionNames(cursor) };
  }
  return { ...values, candidates };
}

function withPrefix(prefix: string, completion: Completion): Completion {
  const candidates = completion.candidates.map(({ value, about }) => ({
    value: `${prefix}${value}`,
    about,
  }));
  return { ...completion, candidates };
}

function commandNames({ command }: Cursor): Candidate[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((one) => ({ value: one.name(), about: one.summary() || one.description() }));
}

function optionNames({ command, given }: Cursor): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible
    .filter((option) => !given.has(option) || option.variadic)
    .map((option) => ({ value: option.long ?? option.short ?? '', about: option.description }));
}

/** What the command table offers for an option or argument. */
function fixedValues(part: Parameters<typeof offersOf>[0]): Completion {
  const { values = [], ...paths } = offersOf(part) ?? {};
  const texts = typeof values === 'function' ? values() : values;
  return { ...paths, candidates: texts.map((value) => ({ value, about: '' })) };
}

async function argumentValues(cursor: Cursor, context: Context): Promise<Completion> {
  const { argument } = cursor;
  if (argument === undefined) {
    return NOTHING;
  }
  if (offersOf(argument) !== undefined) {
    return fixedValues(argument);
  }
  return { candidates: await knownIds(argument, cursor, context) };
}

/** Ids that are only known to Redis or to the results folder. */
async function knownIds(
  argument: Argument,
  { command, typed }: Cursor,
  context: Context,
): Promise<Candidate[]> {
  // It loads the Redis client.
  const { knownBatches, knownOrigins, knownResults, knownSchedules, knownWorkers } =
    await import('./known-ids.ts');
  switch (argument.name()) {
    case 'batch':
      return ['diff', 'export', 'query', 'show'].includes(command.name())
        ? knownResults(context)
        : knownBatches(context, { command: command.name(), typed });
    case 'origin':
      return knownOrigins(context, command.name());
    case 'schedule':
      return knownSchedules(context);
    case 'worker':
      return knownWorkers(context);
    default:
      return [];
  }
}
