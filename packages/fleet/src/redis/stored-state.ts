import { codeOf } from '@fetchfleet/crawl';
import { z } from 'zod';
import { isRedisReply } from './redis-error.ts';

/*
 * Whoever can write to Redis can change what a fleet has stored there: other fields, other types,
 * keys that are none of ours. What is read of it passes a schema. An entry of a list that is not
 * valid is passed over and named, so that the others can still be worked with. What a caller asks
 * for by its id is refused with a sentence.
 */

/** What Redis holds is not what a fleet stores. It was changed, or is damaged. */
export class StoredStateError extends Error {
  override readonly name = 'StoredStateError';
  readonly code = 'STORED_STATE_INVALID';
}

/** Gets a sentence about what was passed over. */
export type OnPassedOver = (sentence: string) => void;

const MAX_SHOWN = 80;

/** Redis 6.2 puts the answer behind a text of its own if a script ran into it. */
const WRONG_TYPE = /\bWRONGTYPE\b/;
/**
 * What stops a script that works with such values: Lua, its JSON, and commands that want a number.
 * Not what Redis refuses a user or in a moment: that says nothing about the values.
 */
const BAD_VALUE =
  /\battempt to (?:compare|perform arithmetic|concatenate|index)\b|\bbad argument\b|\barguments must be strings or integers\b|\bnot (?:a valid float|an integer)\b|\bCannot serialise\b|\bExpected .* but found\b/;

/**
 * The answer to a read of stored state.
 *
 * @param what is read: `batch x`
 * @throws StoredStateError if it is not what a fleet stores; other errors as they are
 */
export async function readStored<T>(what: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    const problem = problemOf(error);
    const isNamed = error instanceof StoredStateError && error.message.startsWith(`${what} `);
    if (problem === undefined || isNamed) {
      throw error;
    }
    throw new StoredStateError(`${what} ${problem}`, { cause: error });
  }
}

/** The same, but what is not valid is reported, and undefined. */
export async function passOver<T>(
  what: string,
  read: Promise<T>,
  onPassedOver: OnPassedOver,
): Promise<T | undefined> {
  try {
    return await readStored(what, read);
  } catch (error) {
    if (!(error instanceof StoredStateError)) {
      throw error;
    }
    onPassedOver(`${error.message}, and was passed over`);
    return undefined;
  }
}

/**
 * The names that have the form of an id.
 *
 * @param noun what they are meant to be: `a batch id`
 */
export function validIds(
  names: readonly string[],
  { noun, isId }: { readonly noun: string; readonly isId: (name: string) => boolean },
  onPassedOver: OnPassedOver,
): string[] {
  return names.filter((name) => {
    const isValid = isId(name);
    if (!isValid) {
      const shown = JSON.stringify(name.slice(0, MAX_SHOWN));
      onPassedOver(`${shown} is not ${noun}, and was passed over`);
    }
    return isValid;
  });
}

/** Undefined for errors of the way to Redis, refusals of all of it, and mistakes of ours. */
function problemOf(error: unknown): string | undefined {
  if (error instanceof StoredStateError) {
    return `cannot be read: ${error.message}`;
  }
  if (error instanceof z.ZodError) {
    const where = error.issues[0]?.path.join('.') ?? '';
    return where === '' ? 'is not valid in Redis' : `is not valid in Redis: its ${where} is wrong`;
  }
  if (error instanceof SyntaxError || isCompressionError(error)) {
    return 'is damaged in Redis';
  }
  if (!(error instanceof Error) || !isRedisReply(error)) {
    return undefined;
  }
  const { message } = error;
  if (WRONG_TYPE.test(message)) {
    return 'has another type in Redis than fetchfleet stores';
  }
  return BAD_VALUE.test(message) ? 'has values in Redis that fetchfleet does not store' : undefined;
}

function isCompressionError(error: unknown): boolean {
  return codeOf(error)?.startsWith('Z_') === true;
}

/** Later than this, JavaScript has no date. */
const MAX_INSTANT_MS = 8_640_000_000_000_000;

/** Fields of hashes are text. */
export const storedCount = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .refine(Number.isSafeInteger);

/** Epoch milliseconds. */
export const instantMs = z.number().nonnegative().max(MAX_INSTANT_MS);

export const storedInstantMs = storedCount.pipe(instantMs);
