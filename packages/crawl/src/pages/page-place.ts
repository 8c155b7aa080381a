import { readAsWritten } from '../select/json-document.ts';

/**
 * Sets one parameter of the query, and leaves every other byte of the URL as it is. It takes the
 * place of the first one of that name; further ones are dropped.
 */
export function withQuery(url: string, name: string, value: string): string {
  const [page, fragment] = splitAt(url, '#');
  const [path, query] = splitAt(page, '?');
  const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value.toWellFormed())}`;
  const pairs = query === undefined || query === '' ? [] : query.split('&');
  const at = pairs.findIndex((one) => isNamed(one, name));
  const kept = pairs.map((one, index) => (index === at ? pair : one));
  const others = kept.filter((one, index) => index === at || !isNamed(one, name));
  const all = at < 0 ? [...others, pair] : others;
  return `${path}?${all.join('&')}${fragment === undefined ? '' : `#${fragment}`}`;
}

/** The text before and after the first `mark`; undefined where there is none. */
function splitAt(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function isNamed(pair: string, name: string): boolean {
  return new URLSearchParams(pair).keys().next().value === name;
}

/** The keys of a dotted path: `variables.cursor`. */
function keysOf(path: string): readonly string[] {
  return path.split('.');
}

/**
 * Sets one value of a JSON text, and keeps the digits of all others. Objects that are missing on
 * the way are created.
 *
 * @param path dotted
 * @param value as JSON
 * @returns undefined if the text is not JSON, or something else than an object is on the way
 */
export function withJson(text: string, path: string, value: string): string | undefined {
  const keys = keysOf(path);
  const last = keys.at(-1) ?? '';
  let root: unknown;
  try {
    root = readAsWritten(text);
  } catch {
    return undefined;
  }
  let place = root;
  for (const key of keys.slice(0, -1)) {
    if (!isObject(place)) {
      return undefined;
    }
    place = Object.hasOwn(place, key) ? place[key] : set(place, key, {});
  }
  if (!isObject(place)) {
    return undefined;
  }
  set(place, last, readAsWritten(value));
  return JSON.stringify(root);
}

/** A plain assignment to `__proto__` would set no property. */
function set(target: Record<string, unknown>, key: string, value: unknown): unknown {
  Object.defineProperty(target, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
  return value;
}

/** Not for a number with all its digits, which has no prototype. */
function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
