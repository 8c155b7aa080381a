/** Replaces a secret. */
export const MASK = '***';

// No `/` inside, or a path with an `@` would be taken for user info.
const USER_INFO = /\/\/[^\s"/@]*@/g;

const SECRET_FIELD =
  /"((?:proxy-)?authorization|(?:set-)?cookie|pass(?:word|wd|phrase)?|secret|token|api[-_]?key)":(?:"(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*",?)*\]|-?\d[\d.eE+-]*)/gi;

const BEARER = /\bbearer [\w.~+/=-]{16,}/gi;

/**
 * Masks the user info of every URL: `redis://:pw@host` becomes `redis://***@host`. User names are
 * masked as well, because tokens are often given as one.
 */
export function maskCredentials(text: string): string {
  return text.includes('@') ? text.replaceAll(USER_INFO, `//${MASK}@`) : text;
}

/**
 * Masks secrets in one line of JSON: fields with the name of a secret at any depth and in any case,
 * bearer tokens, and credentials in URLs. It works on the finished line, so that nothing is logged
 * unmasked.
 */
export function maskLine(line: string): string {
  const masked = line.replaceAll(SECRET_FIELD, `"$1":"${MASK}"`);
  return maskCredentials(masked).replaceAll(BEARER, `Bearer ${MASK}`);
}
