import type { Argument, Command, Option } from 'commander';

/** What may come at the cursor of a command line. */
export interface Cursor {
  readonly command: Command;
  /** The text at the cursor, without `--option=`. */
  readonly typed: string;
  /** `--option=` if the value is typed in the same word, otherwise empty. */
  readonly prefix: string;
  /** The option whose value comes here. */
  readonly option?: Option;
  /** The argument that comes here. */
  readonly argument?: Argument;
  /** A subcommand may come here. */
  readonly mayBeCommand: boolean;
  /** An option may come here: there is no `--` before. */
  readonly mayBeOption: boolean;
  /** Options before the cursor. */
  readonly given: ReadonlySet<Option>;
}

/** The state after some words of a command line. */
interface Parsed {
  command: Command;
  /** Arguments of the command so far. */
  argumentCount: number;
  /** The option that takes the next word as its value. */
  openOption: Option | undefined;
  /** The open option has a value already and takes more; another option would end it. */
  hasValue: boolean;
  /** After `--`, every word is an argument. */
  isAfterDashes: boolean;
  readonly given: Set<Option>;
}

/**
 * Reads a command line in the way commander does, up to the word at the cursor.
 *
 * @param words the words after the program's name. The last one is at the cursor; it may be empty.
 */
export function locateCursor(program: Command, words: readonly string[]): Cursor {
  const parsed: Parsed = {
    command: program,
    argumentCount: 0,
    openOption: undefined,
    hasValue: false,
    isAfterDashes: false,
    given: new Set(),
  };
  for (const word of words.slice(0, -1)) {
    addWord(parsed, word);
  }
  return cursorAfter(parsed, words.at(-1) ?? '');
}

function addWord(parsed: Parsed, word: string): void {
  const { openOption } = parsed;
  if (openOption !== undefined && isValue(parsed, word)) {
    parsed.hasValue = true;
    if (!openOption.variadic) {
      parsed.openOption = undefined;
    }
    return;
  }
  parsed.openOption = undefined;
  if (parsed.isAfterDashes || !word.startsWith('-') || word === '-') {
    addCommandOrArgument(parsed, word);
  } else if (word === '--') {
    parsed.isAfterDashes = true;
  } else {
    addOptions(parsed, word);
  }
}

function addCommandOrArgument(parsed: Parsed, word: string): void {
  const { command, argumentCount, isAfterDashes } = parsed;
  const subcommand =
    argumentCount > 0 || isAfterDashes
      ? undefined
      : command.commands.find((one) => one.name() === word || one.aliases().includes(word));
  if (subcommand === undefined) {
    parsed.argumentCount += 1;
  } else {
    parsed.command = subcommand;
    parsed.given.clear();
  }
}

/** `--long`, `--long=value`, `-s`, `-svalue`, `-abc`. */
function addOptions(parsed: Parsed, word: string): void {
  const { options } = parsed.command;
  if (word.startsWith('--')) {
    const [name = ''] = word.split('=', 1);
    const option = options.find(({ long }) => long === name);
    if (option !== undefined) {
      addOption(parsed, option, word.includes('='));
    }
    return;
  }
  for (let at = 1; at < word.length; at += 1) {
    const option = options.find(({ short }) => short === `-${word.charAt(at)}`);
    if (option === undefined) {
      return;
    }
    addOption(parsed, option, at + 1 < word.length);
    if (takesValue(option)) {
      return;
    }
  }
}

function addOption(parsed: Parsed, option: Option, isValueAttached: boolean): void {
  parsed.given.add(option);
  parsed.openOption = takesValue(option) && !isValueAttached ? option : undefined;
  parsed.hasValue = false;
}

/** A word that looks like an option is a value only where a value is required. */
function isValue(
  { openOption, hasValue }: Pick<Parsed, 'openOption' | 'hasValue'>,
  word: string,
): boolean {
  if (openOption === undefined) {
    return false;
  }
  return (openOption.required && !hasValue) || !word.startsWith('-');
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function cursorAfter(parsed: Parsed, typed: string): Cursor {
  const { command, argumentCount, openOption, isAfterDashes, given } = parsed;
  const cursor = {
    command,
    typed,
    prefix: '',
    mayBeCommand: false,
    mayBeOption: !isAfterDashes,
    given,
  };
  if (openOption !== undefined && isValue(parsed, typed)) {
    return { ...cursor, option: openOption, mayBeOption: false };
  }
  if (!isAfterDashes && typed.startsWith('--') && typed.includes('=')) {
    return cursorInAttachedValue(cursor);
  }
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument =
    registeredArguments[argumentCount] ?? (last?.variadic === true ? last : undefined);
  const mayBeCommand = argumentCount === 0 && !isAfterDashes && command.commands.length > 0;
  return { ...cursor, mayBeCommand, ...(argument !== undefined && { argument }) };
}

function cursorInAttachedValue(cursor: Cursor): Cursor {
  const prefix = cursor.typed.slice(0, cursor.typed.indexOf('=') + 1);
  const option = cursor.command.options.find(({ long }) => `${long}=` === prefix);
  return {
    ...cursor,
    prefix,
    typed: cursor.typed.slice(prefix.length),
    mayBeOption: false,
    ...(option !== undefined && { option }),
  };
}
