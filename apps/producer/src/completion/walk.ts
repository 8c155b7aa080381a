import type { Argument, Command, Option } from 'commander';

/** What stands where the cursor is: which part of which command would come there. */
export interface CursorPlace {
  readonly command: Command;
  /** What is typed of it so far; without `--option=`. */
  readonly typed: string;
  /** `--option=`, where a value is typed right behind it. */
  readonly attached: string;
  /** The option whose value it is. */
  readonly option?: Option;
  /** The argument that it would be. */
  readonly argument?: Argument;
  /** Its first argument could be a subcommand as well. */
  readonly mayBeCommand: boolean;
  /** Options may stand there: no `--` came before. */
  readonly mayBeOption: boolean;
  /** Options that were given before. */
  readonly given: ReadonlySet<Option>;
}

/** The state of a walk over the words before the cursor. */
interface Walk {
  command: Command;
  positionals: number;
  /** The option whose value comes next. */
  pending: Option | undefined;
  /** It has one already, and takes more: an option would end it. */
  isSated: boolean;
  isOver: boolean;
  readonly given: Set<Option>;
}

/**
 * Reads a command line as commander will, up to the word at the cursor.
 *
 * @param words the words after the name of the program; the last one is the one at the cursor, perhaps empty
 */
export function findPlace(program: Command, words: readonly string[]): CursorPlace {
  const walk: Walk = {
    command: program,
    positionals: 0,
    pending: undefined,
    isSated: false,
    isOver: false,
    given: new Set(),
  };
  for (const word of words.slice(0, -1)) step(walk, word);
  return placeOf(walk, words.at(-1) ?? '');
}

function step(walk: Walk, word: string): void {
  const { pending } = walk;
  if (pending !== undefined && isValue(walk, word)) {
    walk.isSated = true;
    if (!pending.variadic) walk.pending = undefined;
    return;
  }
  walk.pending = undefined;
  if (walk.isOver || !word.startsWith('-') || word === '-') return stepIntoOperand(walk, word);
  if (word === '--') walk.isOver = true;
  else stepOverOption(walk, word);
}

function stepIntoOperand(walk: Walk, word: string): void {
  const { command, positionals, isOver } = walk;
  const inner =
    positionals > 0 || isOver
      ? undefined
      : command.commands.find((one) => one.name() === word || one.aliases().includes(word));
  if (inner === undefined) {
    walk.positionals += 1;
  } else {
    walk.command = inner;
    walk.given.clear();
  }
}

/** `--long`, `--long=value`, `-s`, `-svalue`, `-abc`. */
function stepOverOption(walk: Walk, word: string): void {
  const { options } = walk.command;
  if (word.startsWith('--')) {
    const [name = ''] = word.split('=', 1);
    const option = options.find(({ long }) => long === name);
    if (option !== undefined) giveOption(walk, option, word.includes('='));
    return;
  }
  for (let at = 1; at < word.length; at += 1) {
    const option = options.find(({ short }) => short === `-${word.charAt(at)}`);
    if (option === undefined) return;
    giveOption(walk, option, at + 1 < word.length);
    if (takesValue(option)) return;
  }
}

function giveOption(walk: Walk, option: Option, hasValue: boolean): void {
  walk.given.add(option);
  walk.pending = takesValue(option) && !hasValue ? option : undefined;
  walk.isSated = false;
}

/** Only a value that must be there may look like an option. */
function isValue({ pending, isSated }: Pick<Walk, 'pending' | 'isSated'>, word: string): boolean {
  if (pending === undefined) return false;
  return (pending.required && !isSated) || !word.startsWith('-');
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function placeOf(walk: Walk, typed: string): CursorPlace {
  const { command, positionals, pending, isOver, given } = walk;
  const place = { command, typed, attached: '', mayBeCommand: false, mayBeOption: !isOver, given };
  if (pending !== undefined && isValue(walk, typed)) {
    return { ...place, option: pending, mayBeOption: false };
  }
  if (!isOver && typed.startsWith('--') && typed.includes('=')) {
    return attachedPlace(place);
  }
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[positionals] ?? (last?.variadic === true ? last : undefined);
  const mayBeCommand = positionals === 0 && !isOver && command.commands.length > 0;
  return { ...place, mayBeCommand, ...(argument !== undefined && { argument }) };
}

function attachedPlace(place: CursorPlace): CursorPlace {
  const attached = place.typed.slice(0, place.typed.indexOf('=') + 1);
  const option = place.command.options.find(({ long }) => `${long}=` === attached);
  return {
    ...place,
    attached,
    typed: place.typed.slice(attached.length),
    mayBeOption: false,
    ...(option !== undefined && { option }),
  };
}
