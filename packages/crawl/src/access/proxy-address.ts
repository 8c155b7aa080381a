import { mentionsSecret, secretNames, withoutSecrets } from './secrets.ts';

/** Of one crawl: each has connections of its own. */
export const MAX_PROXIES = 50;

/** Where a proxy is, and who may use it. User and password may hold secrets as names. */
export interface ProxyAddress {
  /** Scheme, host and port: `http://proxy.example:3128`. */
  readonly origin: string;
  /** Host and port, also where the port is that of the scheme. */
  readonly host: string;
  readonly user: string;
  /** Undefined where only a user is given, which may hold both: `ann:sesame`. */
  readonly password: string | undefined;
}

/** A text that is no proxy, and why. It is never quoted: it may hold a password. */
export interface ProxyProblem {
  readonly problem: string;
}

const PARTS = /^(https?):\/\/(?:(.*)@)?([^@/?#\\\s]+)\/?$/i;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
/** Until the first colon that is not that of a `${env:NAME}`. */
const USER_INFO = /^((?:\$\{[^}]*\}|[^:])*)(?::(.*))?$/s;

/** Reads `http://proxy.example:3128` or `https://…`, with user and password or without. */
export function parseProxy(text: string): ProxyAddress | ProxyProblem {
  const [, scheme = '', info, place = ''] = PARTS.exec(text) ?? [];
  const url = scheme === '' ? null : URL.parse(`${scheme}://${place}`);
  if (url === null) {
    const [, other] = SCHEME.exec(text) ?? [];
    const isOther = other !== undefined && !/^https?$/i.test(other);
    const what = isOther ? `; ${other.toLowerCase().slice(0, 20)}:// is not known` : '';
    return { problem: `a proxy is written http://HOST:PORT or https://HOST:PORT${what}` };
  }
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const [, user = '', password] = USER_INFO.exec(info ?? '') ?? [];
  return { origin: url.origin, host: `${url.hostname}:${port}`, user, password };
}

export function isProxyProblem(read: ProxyAddress | ProxyProblem): read is ProxyProblem {
  return 'problem' in read;
}

/** Hosts with their ports, without credentials; texts that are no proxies are left out. */
export function proxyHosts(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const read = parseProxy(text);
    return isProxyProblem(read) ? [] : [read.host];
  });
}

/** What must not stand in a crawl file: credentials that are no secrets. */
export function problemOfCredentials({ user, password }: ProxyAddress): string | undefined {
  if (mentionsSecret(withoutSecrets(`${user} ${password ?? ''}`))) {
    return 'a secret is written ${env:NAME}; NAME consists of letters, digits and _';
  }
  const last = password ?? user;
  return last !== '' && secretNames({ last }).length === 0
    ? 'a crawl file must not contain credentials; write ${env:NAME} and set the variable'
    : undefined;
}
