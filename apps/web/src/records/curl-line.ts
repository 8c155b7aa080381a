import { randomUUID } from 'node:crypto';
import { compileRequest, type Plan } from '@fetchfleet/crawl';

/** A longer body of a request is no line for a shell. */
const MAX_BODY_BYTES = 32 * 1024;
const SECRET = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;

interface RecordedRequest {
  readonly url: string;
  readonly method?: unknown;
  readonly page: number | null;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * The request of a record as a line for a shell. Secrets are variables, which the shell of who runs
 * it has to have; only those of the crawl file become some, and never what a value looks like.
 *
 * @param plan undefined where the crawl is not known any more
 * @returns null where the request cannot be told
 */
export function curlLine(record: RecordedRequest, plan: Plan | undefined): string | null {
  const { url, page, params, method = 'GET' } = record;
  const values = plan?.params.map((name) => params[name]) ?? [];
  const isKnown = values.every((value) => value !== undefined);
  if (plan === undefined || !isKnown || method !== (plan.method ?? 'GET')) {
    return method === 'GET' ? `curl ${quoted(url)}` : null;
  }
  // What stands for a secret until the line is quoted: nobody can guess it.
  const mark = randomUUID();
  const resolve = (text: string): string =>
    text.replaceAll(SECRET, (_, name: string) => `${mark}${name}${mark}`);
  const { auth, ...open } = plan;
  const request = compileRequest(open, { resolve });
  const body = request.bodyOf(values);
  const isLaterPage = page !== null && page > 1;
  if (body !== undefined && (isLaterPage || body.length > MAX_BODY_BYTES)) {
    return null; // its cursor may be in it
  }
  const shell = (text: string): string => quoted(text, mark);
  const words = [
    ...(method === 'GET' ? [] : [`-X ${String(method)}`]),
    ...authWords(auth, resolve, shell),
    ...Object.entries(request.headersOf(values)).map(
      ([name, value]) => `-H ${shell(`${name}: ${value}`)}`,
    ),
    ...(body === undefined ? [] : [`--data-raw ${shell(body.toString())}`]),
  ];
  return ['curl', ...words, quoted(url)].join(' ');
}

function authWords(
  auth: Plan['auth'],
  resolve: (text: string) => string,
  shell: (text: string) => string,
): string[] {
  if (auth === undefined) {
    return [];
  }
  if ('basic' in auth) {
    const { user, password } = auth.basic;
    return [`-u ${shell(`${resolve(user)}:${resolve(password)}`)}`];
  }
  const token = 'bearer' in auth ? shell(resolve(auth.bearer)) : '"$ACCESS_TOKEN"';
  return [`-H 'authorization: Bearer '${token}`];
}

/** One word of a shell: in it, nothing but the marked names means anything. */
function quoted(text: string, mark?: string): string {
  const pieces = mark === undefined ? [text] : text.split(mark);
  return pieces
    .map((piece, at) =>
      at % 2 === 1 ? `"$${piece}"` : piece === '' ? '' : `'${piece.replaceAll("'", `'\\''`)}'`,
    )
    .join('');
}
