import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';

/** The text is not the address of a Redis, or a file that belongs to it cannot be read. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
  readonly code = 'REDIS_URL_INVALID';
}

/** Where a Redis is, in the words of ioredis. Holds the password: never log it. */
export interface RedisAddress {
  readonly host?: string;
  readonly port?: number;
  /** Of a Unix socket, instead of host and port. */
  readonly path?: string;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  /** 0 tries IPv4 and IPv6. */
  readonly family?: number;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** Files in PEM format, for a Redis with TLS. */
export interface RedisTlsFiles {
  /** Trusted instead of the authorities that Node knows. */
  readonly ca?: string | undefined;
  /** The certificate of this client; it needs {@link key}. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

const ALLOWED = 'allowed: redis://HOST:PORT/DATABASE, rediss:// for TLS, unix:///PATH?db=DATABASE';
const ENCODE =
  'in a user or password, write / as %2F, @ as %40, # as %23, ? as %3F, : as %3A and % as %25';

/** Scheme, authority, path, query, and a fragment that is never allowed. */
const PARTS = /^([a-z][a-z\d+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(#.*)?$/is;
const TLS_SCHEMES = new Set(['rediss', 'valkeys']);
const TCP_SCHEMES = new Set(['redis', 'valkey', ...TLS_SCHEMES]);
const PARAMETERS = new Set(['db', 'username', 'password', 'family']);
const DEFAULT_PORT = 6379;
const TLS_VARIABLES = { ca: 'REDIS_TLS_CA', cert: 'REDIS_TLS_CERT', key: 'REDIS_TLS_KEY' } as const;

/**
 * Reads `redis://`, `rediss://` (TLS) and `unix:///path/to.sock`; `valkey://` and `valkeys://` are
 * other names of the first two. Spaces and line ends around the text are ignored.
 *
 * What is not understood is refused, and never passed on to the client: a database that is read as
 * another one would be found out long after. No message has any part of the text but its scheme,
 * because a password with a `/` or `@` in it may be anywhere.
 *
 * @param files for a Redis with TLS; not read for others
 * @throws RedisUrlError
 */
export function parseRedisUrl(text: string, files: RedisTlsFiles = {}): RedisAddress {
  const parts = PARTS.exec(text.trim());
  const scheme = parts?.[1]?.toLowerCase() ?? '';
  const [, , authority, path = '', query = '', fragment] = parts ?? [];
  const refuse: Refuse = (problem) => refuseUrl(scheme, authority !== undefined, problem);
  if (scheme !== 'unix' && (!TCP_SCHEMES.has(scheme) || authority === undefined)) {
    return refuse();
  }
  if (fragment !== undefined) {
    return refuse(`has a #; ${ENCODE}`);
  }
  const at = (authority ?? '').lastIndexOf('@');
  const place = (authority ?? '').slice(at + 1);
  const parameters = readParameters(query, refuse);
  const user = at < 0 ? {} : readUserInfo((authority ?? '').slice(0, at), refuse);
  const credentials = readCredentials(user, parameters, refuse);
  if (scheme === 'unix') {
    if (place !== '' || !/^\/[^/]/.test(path)) {
      return refuse(`needs the path of a socket, as in unix:///run/redis.sock; ${ENCODE}`);
    }
    const db = readDatabase([parameters.get('db')], refuse);
    return { path: decode(path, refuse), ...credentials, db };
  }
  const db = readDatabase([path.replace(/^\//, ''), parameters.get('db')], refuse);
  const isTls = TLS_SCHEMES.has(scheme);
  return {
    ...readPlace(place, refuse),
    ...credentials,
    ...readFamily(parameters.get('family'), refuse),
    db,
    ...(isTls ? { tls: readTlsFiles(files) } : {}),
  };
}

/**
 * The address for messages and logs, without user and password. Of a text that is no address, only
 * the scheme is shown.
 */
export function redactRedisUrl(url: string | RedisAddress): string {
  if (typeof url !== 'string') {
    return describeAddress(url);
  }
  try {
    return describeAddress(parseRedisUrl(url));
  } catch {
    const scheme = /^\s*([a-z][a-z\d+.-]*):\/\//i.exec(url)?.[1] ?? '';
    return scheme === '' ? '***' : `${scheme.toLowerCase()}://***`;
  }
}

function describeAddress(address: RedisAddress): string {
  const { host = '', port, path, username, password, db, tls } = address;
  const user = username === undefined && password === undefined ? '' : '***@';
  if (path !== undefined) {
    return `unix://${user}${path}${db === 0 ? '' : `?db=${db}`}`;
  }
  const scheme = tls === undefined ? 'redis' : 'rediss';
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${user}${shownHost}:${port}${db === 0 ? '' : `/${db}`}`;
}

/** The files that the environment names for a Redis with TLS. */
export function redisTlsFiles(env: Readonly<Record<string, string | undefined>>): RedisTlsFiles {
  const { ca, cert, key } = TLS_VARIABLES;
  return { ca: env[ca], cert: env[cert], key: env[key] };
}

type Refuse = (problem?: string) => never;

function refuseUrl(scheme: string, hasSlashes: boolean, problem?: string): never {
  const shown = hasSlashes && scheme !== '' ? ` (${scheme}://…)` : '';
  if (problem === undefined) {
    throw new RedisUrlError(`REDIS_URL${shown} is not a Redis address; ${ALLOWED}`);
  }
  throw new RedisUrlError(`REDIS_URL${shown} ${problem}`);
}

function decode(text: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse(`has a % that encodes nothing; ${ENCODE}`);
  }
}

interface Credentials {
  readonly username?: string;
  readonly password?: string;
}

function readUserInfo(text: string, refuse: Refuse): Credentials {
  const colon = text.indexOf(':');
  if (colon < 0) {
    return refuse('has a user without a password; a password alone is written :PASSWORD@HOST');
  }
  return {
    username: decode(text.slice(0, colon), refuse),
    password: decode(text.slice(colon + 1), refuse),
  };
}

function readCredentials(
  user: Credentials,
  parameters: ReadonlyMap<string, string>,
  refuse: Refuse,
): Credentials {
  const isNamedTwice =
    (user.username && parameters.has('username')) || (user.password && parameters.has('password'));
  if (isNamedTwice) {
    return refuse('has a user or a password twice, before the host and behind the ?');
  }
  const username = user.username || parameters.get('username') || '';
  const password = user.password || parameters.get('password') || '';
  if (password === '') {
    return username === '' ? {} : refuse('has a user without a password');
  }
  return username === '' ? { password } : { username, password };
}

/** Unknown parameters are refused: one that has an effect elsewhere would have none here. */
function readParameters(query: string, refuse: Refuse): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const [name = '', ...rest] = pair.split('=');
    if (!PARAMETERS.has(name) || parameters.has(name)) {
      return refuse(
        `may have each of ${[...PARAMETERS].join(', ')} once behind the ?, and nothing else; ` +
          ENCODE,
      );
    }
    parameters.set(name, decode(rest.join('='), refuse));
  }
  return parameters;
}

function readDatabase(given: readonly (string | undefined)[], refuse: Refuse): number {
  const texts = given.filter((text) => text !== undefined && text !== '');
  const [text = '0'] = texts;
  if (texts.length > 1) {
    return refuse('names a database twice');
  }
  if (!/^\d{1,9}$/.test(text)) {
    return refuse(`has a database that is not a whole number; ${ENCODE}`);
  }
  return Number(text);
}

function readPlace(
  place: string,
  refuse: Refuse,
): { readonly host: string; readonly port: number } {
  const [, bracketed, name, portText] =
    /^(?:\[([^\]]*)\]|([\p{L}\p{N}._-]+))(?::(\d{1,5}))?$/u.exec(place) ?? [];
  const host = bracketed === undefined ? name : decode(bracketed, refuse);
  const port = Number(portText ?? DEFAULT_PORT);
  if (host === undefined || (bracketed !== undefined && !isIPv6(host))) {
    return refuse(`needs one host, as in redis://HOST:PORT; ${ENCODE}`);
  }
  return port >= 1 && port <= 65_535 ? { host, port } : refuse('needs a port from 1 to 65535');
}

function readFamily(text: string | undefined, refuse: Refuse): { readonly family?: number } {
  if (text === undefined) {
    return {};
  }
  return /^[046]$/.test(text) ? { family: Number(text) } : refuse('needs a family of 0, 4 or 6');
}

function readTlsFiles(files: RedisTlsFiles): NonNullable<RedisAddress['tls']> {
  if (!files.cert !== !files.key) {
    throw new RedisUrlError('REDIS_TLS_CERT and REDIS_TLS_KEY must be set together');
  }
  const names = ['ca', 'cert', 'key'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const file = files[name];
      return file ? [[name, readTlsFile(TLS_VARIABLES[name], file)]] : [];
    }),
  );
}

function readTlsFile(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RedisUrlError(`${variable}: cannot read ${JSON.stringify(file)}`, { cause: error });
  }
}
