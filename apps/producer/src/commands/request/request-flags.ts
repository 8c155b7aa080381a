import { readFile } from 'node:fs/promises';
import { validateHeaderName } from 'node:http';
import { resolve } from 'node:path';
import {
  isHeaderValue,
  type Limits,
  mentionsSecret,
  type Method,
  METHODS,
  parseDurationMs,
  parseSize,
  reasonOfFileError,
  refuseNamedPipe,
  withoutSecrets,
} from '@fetchfleet/crawl';
import { prepareHeaders } from '@fetchfleet/fetcher';
import type { Problems } from '../../core/errors.ts';

/** Flags that say what is sent. */
export interface RequestFlags {
  readonly header?: readonly string[];
  readonly method?: string;
  /** A text, or `@FILE`. */
  readonly data?: string;
  /** The same, and it is JSON. */
  readonly dataJson?: string;
  readonly timeout?: string;
  readonly maxBody?: string;
}

/** What the flags say. */
export interface FlaggedRequest {
  readonly method: Method;
  /** By lower-case name. Secrets are names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly limits: Limits;
}

const HOUR_MS = 3_600_000;
const MIB = 1_024 * 1_024;
/** As in a crawl file that says nothing. */
const DEFAULTS: Limits = { timeoutMs: 30_000, maxBodyBytes: 10 * MIB, redirects: 5 };

/** Adds a problem for each flag that is wrong. */
export async function readRequestFlags(
  flags: RequestFlags,
  { cwd, problems }: { readonly cwd: string; readonly problems: Problems },
): Promise<FlaggedRequest> {
  const body = await readBody(flags, { cwd, problems });
  const named = readHeaders(flags.header ?? [], problems);
  const type = flags.dataJson === undefined ? 'text/plain;charset=UTF-8' : 'application/json';
  const headers = body === undefined ? named : { 'content-type': type, ...named };
  return {
    method: readMethod(flags.method, { hasBody: body !== undefined, problems }),
    headers,
    body,
    limits: {
      ...DEFAULTS,
      timeoutMs: readTimeout(flags.timeout, problems),
      maxBodyBytes: readMaxBody(flags.maxBody, problems),
    },
  };
}

function readMethod(
  text: string | undefined,
  { hasBody, problems }: { readonly hasBody: boolean; readonly problems: Problems },
): Method {
  const method = METHODS.find((one) => one === text?.toUpperCase());
  if (text !== undefined && method === undefined) {
    problems.add(`--method: "${text}" is none of ${METHODS.join(', ')}`);
  }
  if (hasBody && (method === 'GET' || method === 'HEAD')) {
    problems.add(`--method: ${method} has no body, but --data or --data-json gives one`);
  }
  return method ?? (hasBody ? 'POST' : 'GET');
}

/** Messages never quote a value, because it may be a credential. */
function readHeaders(texts: readonly string[], problems: Problems): Record<string, string> {
  const headers = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf(':');
    const name = text.slice(0, Math.max(0, at)).trim().toLowerCase();
    const value = text.slice(at + 1).trim();
    const problem = problemOfHeader(name, value);
    if (problem === undefined && !headers.has(name)) {
      headers.set(name, value);
    } else {
      problems.add(`--header ${name}: ${problem ?? 'the header is given twice'}`);
    }
  }
  return Object.fromEntries(headers);
}

function problemOfHeader(name: string, value: string): string | undefined {
  if (name === '') {
    return "write it like 'accept: text/html'";
  }
  try {
    validateHeaderName(name);
  } catch {
    return 'this is not a valid header name';
  }
  if (name === 'host' || prepareHeaders({ [name]: value }, '')[name] === undefined) {
    return 'the fetcher sets this header itself';
  }
  if (!isHeaderValue(value)) {
    return 'the value contains characters that are not allowed in an HTTP header';
  }
  return mentionsSecret(withoutSecrets(value))
    ? 'a secret is written ${env:NAME}; NAME consists of letters, digits and _'
    : undefined;
}

async function readBody(
  { data, dataJson }: RequestFlags,
  { cwd, problems }: { readonly cwd: string; readonly problems: Problems },
): Promise<Buffer | undefined> {
  const text = dataJson ?? data;
  if (text === undefined) {
    return undefined;
  }
  const flag = dataJson === undefined ? '--data' : '--data-json';
  let body = Buffer.from(text);
  if (text.startsWith('@')) {
    try {
      const path = resolve(cwd, text.slice(1));
      refuseNamedPipe(path);
      body = await readFile(path);
    } catch (error) {
      problems.add(`${flag}: ${text.slice(1)} cannot be read: ${reasonOfFileError(error)}`);
      return undefined;
    }
  }
  if (dataJson !== undefined && !isJsonText(body.toString())) {
    problems.add(`${flag}: this is not valid JSON`);
  }
  return body;
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readTimeout(text: string | undefined, problems: Problems): number {
  const ms = text === undefined ? DEFAULTS.timeoutMs : parseDurationMs(text);
  if (ms !== undefined && ms >= 1 && ms <= HOUR_MS) {
    return ms;
  }
  problems.add(`--timeout: "${text}" is no duration from 1ms to 1h`);
  return 0;
}

function readMaxBody(text: string | undefined, problems: Problems): number {
  const bytes = text === undefined ? DEFAULTS.maxBodyBytes : parseSize(text);
  if (bytes !== undefined && bytes >= 1 && bytes <= 256 * MIB) {
    return bytes;
  }
  problems.add(`--max-body: "${text}" is no size from 1B to 256MiB`);
  return 0;
}
