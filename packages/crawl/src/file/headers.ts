import { validateHeaderName } from 'node:http';
import { isHeaderValue, mentionsSecret, secretNames, withoutSecrets } from '../model/secrets.ts';
import type { Field } from './yaml-field.ts';

/** They belong to the connection or to the body: set by the worker, and dangerous in other hands. */
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

/** Lower-case names, in the order of the file. Values never stand in messages: they may be credentials. */
export function readHeaders(field: Field | undefined): Record<string, string> {
  if (field === undefined) {
    return {};
  }
  if (!field.isMap) {
    field.report(`${field.shown} is no mapping; write it like { accept: text/html }`);
  }
  const headers = new Map<string, string>();
  for (const [name, value] of field.entries()) {
    const lower = name.toLowerCase();
    const problem = problemOfName(lower, headers) ?? problemOfValue(lower, value);
    if (problem !== undefined) {
      value.reportKey(problem);
    }
    headers.set(lower, value.text ?? '');
  }
  return Object.fromEntries(headers);
}

function problemOfName(name: string, seen: ReadonlyMap<string, string>): string | undefined {
  try {
    validateHeaderName(name);
  } catch {
    return `${JSON.stringify(name)} is no header name`;
  }
  if (REFUSED.has(name)) {
    return 'this header is set by the worker itself and must not stand here';
  }
  if (seen.has(name)) {
    return 'this header stands twice (upper and lower case are the same)';
  }
  return undefined;
}

function problemOfValue(name: string, { text }: Field): string | undefined {
  if (text === undefined) {
    return 'a header takes one text';
  }
  if (!isHeaderValue(text)) {
    return 'the value holds characters that an HTTP header cannot carry';
  }
  if (mentionsSecret(withoutSecrets(text))) {
    return 'a secret is written ${env:NAME}, with letters, digits and _ in its name';
  }
  if (name === 'authorization' && text !== '' && secretNames({ name: text }).length === 0) {
    return 'a credential must not stand in a crawl file; write ${env:NAME} and set the variable';
  }
  return undefined;
}
