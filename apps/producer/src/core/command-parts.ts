import { Argument, Option } from 'commander';
import type { ArgumentSpec, OfferedValues, OptionSpec } from './options.ts';

class OptionWithOffers extends Option {
  readonly offers: OfferedValues | undefined;

  constructor(flags: string, description: string, offers: OfferedValues | undefined) {
    super(flags, description);
    this.offers = offers;
  }
}

class ArgumentWithOffers extends Argument {
  readonly offers: OfferedValues | undefined;

  constructor({ usage, help, offers }: ArgumentSpec) {
    super(usage, help);
    this.offers = offers;
  }
}

export function createOption(spec: OptionSpec): Option {
  const option = new OptionWithOffers(spec.flags, describe(spec), spec.offers);
  if (spec.choices !== undefined) {
    option.choices(spec.choices);
  }
  if (spec.default !== undefined) {
    option.default(spec.default);
  }
  if (spec.isRepeatable === true) {
    option.argParser((value, before: readonly string[] | undefined) => [...(before ?? []), value]);
  }
  if (spec.conflicts !== undefined) {
    option.conflicts(spec.conflicts);
  }
  option.makeOptionMandatory(spec.isRequired === true);
  return option;
}

/** In the way in which commander shows defaults and variables that it reads itself. */
function describe({ help, defaultHelp, variable, fallback }: OptionSpec): string {
  const value = defaultHelp ?? (typeof fallback === 'string' ? fallback : undefined);
  const notes = [
    ...(value === undefined ? [] : [`default: ${value}`]),
    ...(variable === undefined ? [] : [`env: ${variable}`]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join(', ')})`;
}

export function createArgument(spec: ArgumentSpec): Argument {
  const argument = new ArgumentWithOffers(spec);
  if (spec.choices !== undefined) {
    argument.choices(spec.choices);
  }
  return argument;
}

/** What a shell may offer for an option or argument; undefined if the table does not say. */
export function offersOf(part: Argument | Option): OfferedValues | undefined {
  if (part.argChoices !== undefined) {
    return { values: part.argChoices };
  }
  return part instanceof OptionWithOffers || part instanceof ArgumentWithOffers
    ? part.offers
    : undefined;
}
