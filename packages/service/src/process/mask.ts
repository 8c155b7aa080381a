/** What stands in place of a secret. */
export const MASK = '***';

// Without `/` in it a user-info part cannot be mistaken for a path that holds an `@`.
const USER_INFO = /\/\/[^\s"/@]*@/g;

const SECRET_FIELD =
  /"((?:proxy-)?authorization|(?:set-)?cookie|pass(?:word|wd|phrase)?|secret|token|api[-_]?key)":(?:"(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*",?)*\]|-?\d[\d.eE+-]*)/gi;

const BEARER = /\bbearer [\w.~+/=-]{16,}/gi;

/**
 * The text with the user-info part of every URL masked: `redis://:pw@host` becomes `redis://***@host`. The user name
 * goes too, because tokens are often given as one.
 */
export function maskCredentials(text: string): string {
  return text.includes('@') ? text.replaceAll(USER_INFO, `//${MASK}@`) : text;
}

/**
 * One line of JSON with secrets masked: fields named like one at any depth and in any case, bearer tokens, and credentials
 * in URLs. It works on the finished line, so that nothing that is logged can pass by it.
 */
export function maskLine(line: string): string {
  const masked = line.replaceAll(SECRET_FIELD, `"$1":"${MASK}"`);
  return maskCredentials(masked).replaceAll(BEARER, `Bearer ${MASK}`);
}
