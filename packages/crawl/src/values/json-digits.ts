type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** What the type declarations do not have yet, and every supported Node has. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const json = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): unknown;
};

/** Integers of up to 15 digits are what they were after `JSON.parse` and `JSON.stringify`. */
const MAY_LOSE_DIGITS = /\d{16}|\d[.eE]|-0/;

/** Whether a number of a JSON text may be written otherwise: 12345678901234567890, 1.10, 1e5. */
export function mayLoseDigits(text: string): boolean {
  return MAY_LOSE_DIGITS.test(text);
}

/**
 * Parses JSON such that `JSON.stringify` writes its numbers with the digits that they had:
 * 12345678901234567890 and 1.10 stay so. Such numbers of the result are for that and nothing else.
 */
export function parseWithDigits(text: string): unknown {
  return json.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? json.rawJSON(source)
      : value,
  );
}
