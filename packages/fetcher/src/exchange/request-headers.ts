import { ACCEPTED_CODINGS } from './decode.ts';

export type RequestHeaders = Readonly<Record<string, string>>;

/** They describe a connection or a request body; both belong to the transport. */
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

/** Meant for one origin only; a redirect must not carry them to another. */
const FOR_ONE_ORIGIN = ['authorization', 'cookie', 'host', 'proxy-authorization'];

/** Lower-cases the names, drops what the transport decides, and adds the defaults of a crawler. */
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

/** Adds the user and password of a URL as Basic authorization, unless the crawl file set its own. */
export function withCredentialsOf(url: URL, headers: RequestHeaders): RequestHeaders {
  if ((url.username === '' && url.password === '') || headers['authorization'] !== undefined) {
    return headers;
  }
  const pair = `${decode(url.username)}:${decode(url.password)}`;
  return { ...headers, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** What may go on to another origin: no credentials, and no header that holds a secret. */
export function withoutCredentials(
  headers: RequestHeaders,
  secretHeaders: readonly string[] = [],
): RequestHeaders {
  const dropped = new Set(FOR_ONE_ORIGIN);
  for (const name of secretHeaders) {
    dropped.add(name.toLowerCase());
  }
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that encodes nothing is meant literally.
    return text;
  }
}
