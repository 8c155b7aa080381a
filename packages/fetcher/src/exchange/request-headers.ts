import { ACCEPTED_CODINGS } from './body-decoder.ts';

export type RequestHeaders = Readonly<Record<string, string>>;

/** Headers about the connection or the request body, which are set by the transport. */
const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Lower-cases the names, drops hop-by-hop headers and adds the defaults. */
export function prepareHeaders(headers: RequestHeaders, userAgent: string): RequestHeaders {
  const prepared: Record<string, string> = {
    'user-agent': userAgent,
    accept: '*/*',
    'accept-encoding': ACCEPTED_CODINGS,
  };
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower)) {
      prepared[lower] = value;
    }
  }
  return prepared;
}

/**
 * Adds the user and password of a URL as Basic authorization, unless the crawl file set its own.
 */
export function withCredentialsOf(url: URL, headers: RequestHeaders): RequestHeaders {
  if ((url.username === '' && url.password === '') || headers['authorization'] !== undefined) {
    return headers;
  }
  const pair = `${decode(url.username)}:${decode(url.password)}`;
  return { ...headers, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Headers about the body of a request, and the key of a request that changes something. */
const ABOUT_BODY = new Set([
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'idempotency-key',
]);

/** The headers of a request that goes on as a GET. */
export function withoutBodyHeaders(headers: RequestHeaders): RequestHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ABOUT_BODY.has(name)));
}

/**
 * What another origin may see when a redirect or a next page leads there: what answers are wanted, and who asks.
 * Any other header may hold a credential, whatever its name.
 *
 * @param options.secretHeaders headers that hold one for certain. @default none
 * @param options.userAgent in place of one that holds a secret
 */
export function forOtherOrigins(
  headers: RequestHeaders,
  {
    secretHeaders = [],
    userAgent,
  }: { readonly secretHeaders?: readonly string[] | undefined; readonly userAgent: string },
): RequestHeaders {
  const secret = new Set(secretHeaders.map((name) => name.toLowerCase()));
  const shared = Object.entries(headers).filter(([name]) => isForAll(name) && !secret.has(name));
  return { 'user-agent': userAgent, ...Object.fromEntries(shared) };
}

function isForAll(name: string): boolean {
  return name === 'user-agent' || name === 'accept' || name.startsWith('accept-');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that starts no escape is a plain character.
    return text;
  }
}
