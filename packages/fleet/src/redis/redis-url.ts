import { isIPv6 } from 'node:net';
import { readNatMap, readSentinelLogin, readTls, type RedisAccess } from './redis-access.ts';
import {
  describeAddress,
  type RedisAddress,
  type RedisHost,
  RedisUrlError,
} from './redis-address.ts';

const ALLOWED =
  'allowed: redis://HOST:PORT/DATABASE, redis+cluster://HOST:PORT,HOST:PORT, ' +
  'redis+sentinel://HOST:PORT,HOST:PORT/NAME/DATABASE, rediss in place of redis for TLS, ' +
  'unix:///PATH?db=DATABASE';
const ENCODE =
  'in a user or password, write / as %2F, @ as %40, # as %23, ? as %3F, : as %3A and % as %25';

/** Scheme, authority, path, query, and a fragment that is never allowed. */
const PARTS = /^([a-z][a-z\d+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(#.*)?$/is;
/** With or without TLS; one server, a cluster, or a master behind Sentinels. */
const SCHEME = /^(?:redis|valkey)(s?)(?:\+(cluster|sentinel))?$/;
const PARAMETERS = new Set(['db', 'username', 'password', 'family']);
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/**
 * Reads `redis://`, `redis+cluster://` and `redis+sentinel://` (`rediss` for TLS), and
 * `unix:///path/to.sock`; `valkey` and `valkeys` are other names of `redis` and `rediss`. Spaces
 * and line ends around the text are ignored.
 *
 * What is not understood is refused, and never passed on to the client: a database that is read as
 * another one would be found out long after. No message has any part of the text but its scheme,
 * because a password with a `/` or `@` in it may be anywhere.
 *
 * @param access what else there is to know; files are only read for a Redis with TLS
 * @throws RedisUrlError
 */
export function parseRedisUrl(text: string, access: RedisAccess = {}): RedisAddress {
  const parts = PARTS.exec(text.trim());
  const scheme = parts?.[1]?.toLowerCase() ?? '';
  const [, , authority, path = '', query = '', fragment] = parts ?? [];
  const refuse: Refuse = (problem) => refuseUrl(scheme, authority !== undefined, problem);
  const [isTcp, secure, topology] = SCHEME.exec(scheme) ?? [];
  if (scheme !== 'unix' && (isTcp === undefined || authority === undefined)) {
    return refuse();
  }
  if (fragment !== undefined) {
    return refuse(`has a #; ${ENCODE}`);
  }
  const at = (authority ?? '').lastIndexOf('@');
  const parameters = readParameters(query, refuse);
  const user = at < 0 ? {} : readUserInfo((authority ?? '').slice(0, at), refuse);
  const rest: Rest = {
    place: (authority ?? '').slice(at + 1),
    path,
    db: parameters.get('db'),
    login: {
      ...readCredentials(user, parameters, refuse),
      ...readFamily(parameters.get('family'), refuse),
    },
  };
  const read = { unix: readSocket, cluster: readCluster, sentinel: readSentinel }[
    topology ?? scheme
  ];
  const address = (read ?? readServer)(rest, access, refuse);
  return secure === 's' ? { ...address, tls: readTls(access) } : address;
}

/** What is left of a URL when its user and its parameters have been read. */
interface Rest {
  /** Hosts and ports. */
  readonly place: string;
  readonly path: string;
  readonly db: string | undefined;
  readonly login: Credentials & { readonly family?: number };
}

type ReadRest = (rest: Rest, access: RedisAccess, refuse: Refuse) => RedisAddress;

const readSocket: ReadRest = ({ place, path, db, login }, _access, refuse) => {
  if (place !== '' || !/^\/[^/]/.test(path)) {
    return refuse(`needs the path of a socket, as in unix:///run/redis.sock; ${ENCODE}`);
  }
  const { family: _, ...credentials } = login;
  return { path: decode(path, refuse), ...credentials, db: readDatabase([db], refuse) };
};

const readServer: ReadRest = ({ place, path, db, login }, _access, refuse) => ({
  ...readHost(place, REDIS_PORT, refuse),
  ...login,
  db: readDatabase([path.replace(/^\//, ''), db], refuse),
});

const readCluster: ReadRest = ({ place, path, db, login }, access, refuse) => {
  if (readDatabase([path.replace(/^\//, ''), db], refuse) !== 0) {
    return refuse('names a database, but a cluster has only database 0');
  }
  return {
    cluster: readHosts(place, REDIS_PORT, refuse),
    ...login,
    ...readNatMap(access, readNatHost),
  };
};

const readSentinel: ReadRest = ({ place, path, db, login }, access, refuse) => {
  const [, name, database] = /^\/([\w.-]+)(?:\/([^/]*))?$/.exec(path) ?? [];
  if (name === undefined) {
    return refuse(
      'needs the name that Sentinels have for the master, of letters, digits, ".", "-" and "_", ' +
        `as in redis+sentinel://HOST:PORT,HOST:PORT/NAME; ${ENCODE}`,
    );
  }
  return {
    sentinels: readHosts(place, SENTINEL_PORT, refuse),
    name,
    ...login,
    ...readSentinelLogin(access),
    db: readDatabase([database, db], refuse),
    ...readNatMap(access, readNatHost),
  };
};

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

const HOST = /^(?:\[([^\]]*)\]|([\p{L}\p{N}._-]+))(?::(\d{1,5}))?$/u;

function readHost(place: string, standardPort: number, refuse: Refuse): RedisHost {
  const [, bracketed, name, portText] = HOST.exec(place) ?? [];
  const host = bracketed === undefined ? name : decode(bracketed, refuse);
  const port = Number(portText ?? standardPort);
  if (host === undefined || (bracketed !== undefined && !isIPv6(host))) {
    return refuse(
      place.includes(',')
        ? 'needs hosts as in HOST:PORT,HOST:PORT, and only for redis+cluster and redis+sentinel; ' +
            ENCODE
        : `needs one host, as in redis://HOST:PORT; ${ENCODE}`,
    );
  }
  return port >= 1 && port <= 65_535 ? { host, port } : refuse('needs a port from 1 to 65535');
}

function readHosts(place: string, standardPort: number, refuse: Refuse): readonly RedisHost[] {
  return place.split(',').map((text) => readHost(text, standardPort, refuse));
}

/** With a port; undefined for anything else. */
function readNatHost(text: string): RedisHost | undefined {
  return /:\d+$/.test(text) ? readHost(text, REDIS_PORT, refuseNatHost) : undefined;
}

function refuseNatHost(): never {
  throw new RedisUrlError('REDIS_NAT_MAP has a host or a port that is none');
}

function readFamily(text: string | undefined, refuse: Refuse): { readonly family?: number } {
  if (text === undefined) {
    return {};
  }
  return /^[046]$/.test(text) ? { family: Number(text) } : refuse('needs a family of 0, 4 or 6');
}
