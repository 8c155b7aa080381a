const SECRET = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const CONTROL = /[\x00-\x1f\x7f]/;

/** The value of a secret is not a valid header value. Names the variable, never the value. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
  readonly code = 'SECRET_INVALID';
  readonly variable: string;

  constructor(variable: string) {
    super(`the value of ${variable} contains characters that are not allowed in an HTTP header`);
    this.variable = variable;
  }
}

/** The environment variables in header values (`${env:NAME}`), each once. */
export function secretNames(headers: Readonly<Record<string, string>>): string[] {
  const names = Object.values(headers).flatMap((value) => [...value.matchAll(SECRET)]);
  return [...new Set(names.map(([, name = '']) => name))];
}

/** The headers whose values contain a secret. They must not be sent to another origin. */
export function secretHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers).filter((name) => headers[name]?.search(SECRET) !== -1);
}

/**
 * Replaces secrets in a text of a header by their values; one that is not set leaves nothing.
 *
 * @throws SecretError if a value is not valid in a header
 */
export function resolveText(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return text.replaceAll(SECRET, (_, variable: string) =>
    checkedValue(variable, env[variable] ?? ''),
  );
}

/**
 * Whether an origin has repeated a secret: one word of it is enough, as in `Bearer <token>`.
 *
 * @param secrets values of secrets, or of the headers that hold one
 */
export function repeatsSecret(text: string, secrets: readonly string[]): boolean {
  const words = secrets.flatMap((secret) => secret.split(/\s+/)).filter((word) => word !== '');
  return words.some((word) => text.includes(word) || text.includes(encodeURIComponent(word)));
}

/**
 * The same for a text that is encoded before it is sent, and may hold any character that can be
 * seen.
 *
 * @throws SecretError
 */
export function resolveCredential(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return text.replaceAll(SECRET, (_, variable: string) => {
    const value = env[variable] ?? '';
    if (CONTROL.test(value)) {
      throw new SecretError(variable);
    }
    return value;
  });
}

/** Whether a text contains a secret, including a malformed one. */
export function mentionsSecret(text: string): boolean {
  return /\$\{\s*env\b/i.test(text);
}

/** A header value without its well-formed secrets. */
export function withoutSecrets(value: string): string {
  return value.replaceAll(SECRET, '');
}

/** Whether a text is a valid header value: visible Latin-1, spaces and tabs. */
export function isHeaderValue(text: string): boolean {
  return !BAD_VALUE.test(text);
}

function checkedValue(variable: string, value: string): string {
  if (!isHeaderValue(value)) {
    throw new SecretError(variable);
  }
  return value;
}
