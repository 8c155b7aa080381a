import { OUTCOMES } from '@fetchfleet/crawl';
import type { Argument, Command, Option } from 'commander';
import { BATCH_STATES } from '../batch/batch-filters.ts';
import type { Context } from '../core/context.ts';
import { type CursorPlace, findPlace } from './walk.ts';

/** Something that may be typed, and what it is. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** What a shell is to offer. Paths it finds by itself, as it does everywhere. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly paths?: 'files' | 'directories';
  /** Endings of the files to offer, without dots. @default all */
  readonly endings?: readonly string[];
}

/** Values of options that are checked later than by commander, which has no list of them. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  '--transport': ['got', 'undici'],
  '--overlap': ['skip', 'queue', 'allow'],
  '--outcome': OUTCOMES.filter((one) => one !== 'ok'),
};

const NOTHING: Completion = { candidates: [] };
const CRAWL_FILES: Completion = {
  candidates: [],
  paths: 'files',
  endings: ['yaml', 'yml', 'json'],
};
const DIRECTORIES: Completion = { candidates: [], paths: 'directories' };

/** What may stand at the cursor of a command line. @param words see {@link findPlace} */
export async function complete(
  program: Command,
  words: readonly string[],
  context: Context,
): Promise<Completion> {
  const place = findPlace(program, words);
  if (place.option !== undefined) {
    return attach(place.attached, optionValues(place.option, place.command));
  }
  if (place.attached !== '') return NOTHING;
  if (place.typed.startsWith('-') && place.mayBeOption) return { candidates: optionNames(place) };
  const values = await argumentValues(place, context);
  const candidates = [...(place.mayBeCommand ? commandNames(place) : []), ...values.candidates];
  const isEmpty = candidates.length === 0 && values.paths === undefined;
  // Where nothing else may come, the options are what there is to know.
  if (isEmpty && place.argument === undefined && place.mayBeOption) {
    return { candidates: optionNames(place) };
  }
  return { ...values, candidates };
}

function attach(attached: string, values: Completion): Completion {
  const candidates = values.candidates.map(({ value, about }) => ({
    value: `${attached}${value}`,
    about,
  }));
  return { ...values, candidates };
}

function commandNames({ command }: CursorPlace): Candidate[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((one) => ({ value: one.name(), about: one.summary() || one.description() }));
}

function optionNames({ command, given }: CursorPlace): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible
    .filter((option) => !given.has(option) || option.variadic)
    .map((option) => ({ value: option.long ?? option.short ?? '', about: option.description }));
}

function optionValues({ long, argChoices }: Option, command: Command): Completion {
  if (argChoices !== undefined) return named(argChoices);
  switch (long ?? '') {
    case '--results':
      return DIRECTORIES;
    case '--output':
      return { candidates: [], paths: 'files' };
    case '--tz':
      return named(['UTC', ...Intl.supportedValuesOf('timeZone')]);
    case '--rate':
      return named(['unlimited']);
    case '--concurrency':
      return named(command.name() === 'set' ? ['unlimited'] : []);
    case '--state':
      return named(command.name() === 'prune' ? ['finished', 'cancelled'] : BATCH_STATES);
    default:
      return named(WORDS[long ?? ''] ?? []);
  }
}

function named(values: readonly string[]): Completion {
  return { candidates: values.map((value) => ({ value, about: '' })) };
}

async function argumentValues(place: CursorPlace, context: Context): Promise<Completion> {
  const { argument } = place;
  if (argument === undefined) return NOTHING;
  if (argument.argChoices !== undefined) return named(argument.argChoices);
  if (argument.name() === 'file') return CRAWL_FILES;
  return { candidates: await known(argument, place, context) };
}

/** What only the fleet, or the results folder, can tell. */
async function known(
  argument: Argument,
  { command, typed }: CursorPlace,
  context: Context,
): Promise<Candidate[]> {
  const { knownBatches, knownOrigins, knownResults, knownSchedules } = await import('./fleet.ts');
  switch (argument.name()) {
    case 'batch':
      return command.name() === 'export'
        ? knownResults(context)
        : knownBatches(context, { command: command.name(), typed });
    case 'origin':
      return knownOrigins(context, command.name() === 'unset');
    case 'schedule':
      return knownSchedules(context);
    default:
      return [];
  }
}
