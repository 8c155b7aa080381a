import { validateHeaderName } from 'node:http';
import { isHeaderValue, mentionsSecret, secretNames, withoutSecrets } from '../access/secrets.ts';
import type { Field } from '../yaml/field.ts';
import { checkPlaceholders, type JsonRule } from './placeholders.ts';

/** Headers of the connection or the body. The worker sets them; wrong values are dangerous. */
const REFUSED = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const IN_HEADER: JsonRule = () => 'cannot stand in a header, whose value is a text';

/**
 * Reads the headers with lower-case names, in file order. Messages never quote a value, because it
 * may be a credential.
 *
 * @param params the names of all parameters
 */
export function readHeaders(
  field: Field | undefined,
  params: readonly string[],
): Record<string, string> {
  if (field === undefined) {
    return {};
  }
  if (!field.isMap) {
    field.report(`${field.shown} is not a mapping; write it like { accept: text/html }`);
  }
  const headers = new Map<string, string>();
  for (const [name, value] of field.entries()) {
    const lower = name.toLowerCase();
    const problem = problemOfName(lower, headers) ?? problemOfValue(lower, value);
    if (problem !== undefined) {
      value.reportKey(problem);
    }
    checkPlaceholders(value, value.text ?? '', { params, jsonRule: IN_HEADER });
    headers.set(lower, value.text ?? '');
  }
  return Object.fromEntries(headers);
}

function problemOfName(name: string, seen: ReadonlyMap<string, string>): string | undefined {
  try {
    validateHeaderName(name);
  } catch {
    return `${JSON.stringify(name)} is not a valid header name`;
  }
  if (REFUSED.has(name)) {
    return 'the worker sets this header itself; remove it';
  }
  if (seen.has(name)) {
    return 'duplicate header (names are case-insensitive)';
  }
  return undefined;
}

function problemOfValue(name: string, { text }: Field): string | undefined {
  if (text === undefined) {
    return 'a header value must be a single text';
  }
  if (!isHeaderValue(text)) {
    return 'the value contains characters that are not allowed in an HTTP header';
  }
  if (mentionsSecret(withoutSecrets(text))) {
    return 'a secret is written ${env:NAME}; NAME consists of letters, digits and _';
  }
  if (name === 'authorization' && text !== '' && secretNames({ name: text }).length === 0) {
    return 'a crawl file must not contain credentials; write ${env:NAME} and set the variable';
  }
  return undefined;
}
