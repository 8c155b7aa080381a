import type { Field, FieldKind } from './fields.ts';
import type { Row } from './row.ts';

/** A value is not of the type that its column has. */
class FieldValueError extends Error {
  override readonly name = 'FieldValueError';
  readonly code = 'FIELD_VALUE_INVALID';
}

/** As databases take it: `long` and `time` (epoch milliseconds) are bigints. */
type TypedValue = string | number | bigint | undefined;

/**
 * Reads the value of a field with the type of its column; undefined if the row has none. Nobody
 * writes others, so a record with another type was changed, or a parameter is no whole number.
 *
 * @returns a function that throws FieldValueError
 */
export function readerOf(field: Field): (row: Row) => TypedValue {
  const { name, kind, isRequired = false } = field;
  const toTyped = TYPED[kind];
  return (row) => {
    const value = field.value(row);
    const isMissing = value === undefined || value === null;
    const typed = isMissing ? undefined : toTyped(value);
    if (typed !== undefined || (isMissing && !isRequired)) {
      return typed;
    }
    const what = isMissing
      ? 'missing'
      : `not ${WORDS[kind]}: ${JSON.stringify(value).slice(0, 80)}`;
    throw new FieldValueError(`${name} of fetch ${row.head.index} is ${what}`);
  };
}

const WORDS: Readonly<Record<FieldKind, string>> = {
  integer: 'a whole number below 2^31',
  long: 'a whole number below 2^63',
  double: 'a number',
  time: 'a time',
  text: 'a text',
};

/** Workers write no larger integers. */
export const MAX_INT32 = 2 ** 31 - 1;
const MAX_INT64 = 2n ** 63n - 1n;
/** No blanks, no leading zeros, no sign but minus: what is read is what was there. */
const WHOLE_NUMBER = /^(?:0|-?[1-9]\d{0,18})$/;

const TYPED: Readonly<Record<FieldKind, (value: unknown) => TypedValue>> = {
  integer: (value) =>
    typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= MAX_INT32
      ? value
      : undefined,
  long: (value) => (typeof value === 'string' ? longOfText(value) : longOfNumber(value)),
  double: (value) => (typeof value === 'number' ? value : undefined),
  time: (value) => (typeof value === 'string' ? longOfNumber(Date.parse(value)) : undefined),
  text: (value) => (typeof value === 'string' ? value : JSON.stringify(value)),
};

function longOfNumber(value: unknown): bigint | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function longOfText(text: string): bigint | undefined {
  const value = WHOLE_NUMBER.test(text) ? BigInt(text) : undefined;
  return value !== undefined && value <= MAX_INT64 && value >= -MAX_INT64 ? value : undefined;
}
