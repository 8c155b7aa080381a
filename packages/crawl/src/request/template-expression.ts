import type { parseRule } from 'uri-template';

type Expression = ReturnType<typeof parseRule<'expression'>>;
type Variable = Expression['variables'][number];

/** RFC 6570, appendix A. */
interface Operator {
  readonly first: string;
  readonly separator: string;
  readonly isNamed: boolean;
  /** Follows the name if the value is empty. */
  readonly ifEmpty: string;
  readonly encode: (text: string) => string;
}

const UNRESERVED = /^[\w.~-]*$/;
const UNRESERVED_OR_RESERVED = /^[\w.~:/?#[\]@!$&'()*+,;=-]*$/;
// Not `\w` with the flags iu: they take ſ and the Kelvin sign for letters of ASCII.
const TO_ENCODE = /%[0-9A-Fa-f]{2}|[^A-Za-z0-9_.~:/?#[\]@!$&'()*+,;=-]/gu;

const plain = { isNamed: false, ifEmpty: '', encode: encodeValue };
const OPERATORS: Readonly<Record<Expression['operator'], Operator>> = {
  '': { ...plain, first: '', separator: ',' },
  '+': { ...plain, first: '', separator: ',', encode: encodeReserved },
  '#': { ...plain, first: '#', separator: ',', encode: encodeReserved },
  '.': { ...plain, first: '.', separator: '.' },
  '/': { ...plain, first: '/', separator: '/' },
  ';': { ...plain, first: ';', separator: ';', isNamed: true },
  '?': { ...plain, first: '?', separator: '&', isNamed: true, ifEmpty: '=' },
  '&': { ...plain, first: '&', separator: '&', isNamed: true, ifEmpty: '=' },
};

/**
 * Compiles one expression to a function of the values of a fetch. A variable that is not in `order`
 * is undefined in the sense of the RFC and expands to nothing.
 */
export function compileExpression(
  expression: Expression,
  order: ReadonlyMap<string, number>,
): (values: readonly string[]) => string {
  const operator = OPERATORS[expression.operator];
  const terms = expression.variables.flatMap((variable) => {
    const at = order.get(variable.name);
    return at === undefined ? [] : [{ at, expand: compileVariable(variable, operator) }];
  });
  const [only] = terms;
  if (only === undefined) {
    return () => '';
  }
  const { first, separator } = operator;
  if (terms.length === 1) {
    return (values) => first + only.expand(values[only.at] ?? '');
  }
  return (values) =>
    first + terms.map(({ at, expand }) => expand(values[at] ?? '')).join(separator);
}

/** Encodes the characters of a literal that are not allowed in a URL (section 3.1). */
export function encodeLiteral(text: string): string {
  return encodeReserved(text);
}

function compileVariable(variable: Variable, operator: Operator): (value: string) => string {
  const { name, modifier } = variable;
  const { isNamed, ifEmpty, encode } = operator;
  const expand =
    modifier?.type === 'substr'
      ? (value: string) => encode(prefixOf(value, modifier.length))
      : encode;
  if (!isNamed) {
    return expand;
  }
  const label = encodeReserved(name);
  return (value) => (value === '' ? label + ifEmpty : `${label}=${expand(value)}`);
}

/** The length counts characters, not UTF-16 units (section 2.4.1). */
export function prefixOf(value: string, length: number): string {
  return value.length <= length ? value : Array.from(value).slice(0, length).join('');
}

function encodeValue(text: string): string {
  if (UNRESERVED.test(text)) {
    return text;
  }
  return encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*]/g, percentEncode);
}

function encodeReserved(text: string): string {
  if (UNRESERVED_OR_RESERVED.test(text)) {
    return text;
  }
  return text.toWellFormed().replaceAll(TO_ENCODE, (found) =>
    // An existing escape is kept.
    found.length === 3 && found.startsWith('%') ? found : percentEncode(found),
  );
}

function percentEncode(text: string): string {
  return Array.from(
    Buffer.from(text),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
}
