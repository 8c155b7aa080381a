const SECRET = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The value of a secret cannot stand in a header. Names the variable, never the value. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
  readonly code = 'SECRET_INVALID';
  readonly variable: string;

  constructor(variable: string) {
    super(`the value of ${variable} holds characters that an HTTP header cannot carry`);
    this.variable = variable;
  }
}

/** The environment variables that header values name as `${env:NAME}`, each once. */
export function secretNames(headers: Readonly<Record<string, string>>): string[] {
  const names = Object.values(headers).flatMap((value) => [...value.matchAll(SECRET)]);
  return [...new Set(names.map(([, name = '']) => name))];
}

/** The headers whose values hold a secret: those that must not follow a redirect to another origin. */
export function secretHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers).filter((name) => headers[name]?.search(SECRET) !== -1);
}

/**
 * Puts secrets into headers: the last moment before a fetch. An empty variable counts as missing.
 * Throws `SecretError` where a value cannot stand in a header.
 */
export function resolveHeaders(
  headers: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string | undefined>>,
): { headers: Record<string, string> } | { missing: string[] } {
  const missing = secretNames(headers).filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) {
    return { missing };
  }
  const resolved = Object.entries(headers).map(([name, value]) => [
    name,
    value.replaceAll(SECRET, (_, variable: string) => checkedValue(variable, env[variable] ?? '')),
  ]);
  return { headers: Object.fromEntries(resolved) };
}

/** Whether a text mentions a secret, also one written wrongly. */
export function mentionsSecret(text: string): boolean {
  return /\$\{\s*env\b/i.test(text);
}

/** What is left of a header value when its well-formed secrets are taken out. */
export function withoutSecrets(value: string): string {
  return value.replaceAll(SECRET, '');
}

/** Whether a text may be a header value: visible Latin-1, spaces and tabs. */
export function isHeaderValue(text: string): boolean {
  return !BAD_VALUE.test(text);
}

function checkedValue(variable: string, value: string): string {
  if (!isHeaderValue(value)) {
    throw new SecretError(variable);
  }
  return value;
}
