const SECRET = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const CONTROL = /[\x00-\x1f\x7f]/;

/** The first word of many `authorization` headers. It is no part of the secret. */
const SCHEME = /^(?:basic|bearer|token|api-?key|key|dpop)\s+/i;
/** Characters of the shortest secret that is looked for. */
const SHORTEST = 4;
const ESCAPE = /%([0-9a-f]{2})/gi;

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
 * Puts secrets into a text that is encoded before it is sent, and may hold any character that can
 * be seen.
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

/**
 * Whether an origin has repeated a secret, as it is or with any of its octets percent-encoded, in
 * letters of any case: URLs have their scheme and host in lower case. Values of fewer than four
 * characters are not looked for: they stand in many texts by chance.
 *
 * @param text a header, a URL, or another text without escapes of its own
 * @param secrets values of secrets, or of headers that hold one behind a scheme: `Bearer <token>`
 * @param known a text of the crawl itself, which hides nothing that stands there. @default none
 */
export function repeatsSecret(text: string, secrets: readonly string[], known = ''): boolean {
  const values = secrets
    .map((secret) => secret.replace(SCHEME, '').trim())
    .filter(({ length }) => length >= SHORTEST);
  if (values.length === 0) {
    return false;
  }
  const forms = formsOf(text);
  return values.some((value) => standsIn(forms, value) && !standsIn(formsOf(known), value));
}

/** A text as it is, and decoded; forms write a space as +. */
function formsOf(text: string): string[] {
  const forms = [text, decodedOctets(text), decodedOctets(text.replaceAll('+', ' '))];
  return forms.map((form) => form.toLowerCase());
}

function standsIn(forms: readonly string[], value: string): boolean {
  // Headers come as Latin-1, also where a server has sent UTF-8.
  const sought = [value, octetsOf(value)].map((one) => one.toLowerCase());
  return sought.some((one) => forms.some((form) => form.includes(one)));
}

/** The octets of a text in UTF-8, with those that are percent-encoded. A bad `%` stays. */
function decodedOctets(text: string): string {
  return octetsOf(text).replaceAll(ESCAPE, (_, octet: string) =>
    String.fromCharCode(Number.parseInt(octet, 16)),
  );
}

/** One character for each octet. */
function octetsOf(text: string): string {
  return Buffer.from(text).toString('latin1');
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
