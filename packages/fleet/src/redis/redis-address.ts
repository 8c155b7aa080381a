/** The text is not the address of a Redis, or what belongs to it cannot be read. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
  readonly code = 'REDIS_URL_INVALID';
}

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** What certificates are checked by, and the one of this client; each in PEM format. */
export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
  /** 0 tries IPv4 and IPv6. */
  readonly family?: number;
  readonly tls?: RedisTls;
}

/** Where servers are that announce addresses which this machine cannot reach: by `HOST:PORT`. */
export type NatMap = Readonly<Record<string, RedisHost>>;

/** One server, in the words of ioredis. */
interface ServerAddress extends RedisLogin {
  readonly host?: string;
  readonly port?: number;
  /** Of a Unix socket, instead of host and port. */
  readonly path?: string;
  readonly db: number;
}

/** A cluster: its nodes name each other. It has database 0 alone. */
export interface ClusterAddress extends RedisLogin {
  /** Any of its nodes, of which one has to answer. */
  readonly cluster: readonly RedisHost[];
  readonly natMap?: NatMap;
}

/** A master that Sentinels watch, and say where it is. */
export interface SentinelAddress extends RedisLogin {
  readonly sentinels: readonly RedisHost[];
  /** Of the master, at the Sentinels. */
  readonly name: string;
  readonly db: number;
  /** User and password are for the master; these are for the Sentinels. */
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly natMap?: NatMap;
}

/** Where a Redis is. Holds passwords: never log it. */
export type RedisAddress = ServerAddress | ClusterAddress | SentinelAddress;

/** The address for messages and logs, without user and password. */
export function describeAddress(address: RedisAddress): string {
  const { username, password, tls } = address;
  const scheme = tls === undefined ? 'redis' : 'rediss';
  const user = username === undefined && password === undefined ? '' : '***@';
  if ('cluster' in address) {
    return `${scheme}+cluster://${user}${address.cluster.map(describeHost).join(',')}`;
  }
  const { db } = address;
  if ('sentinels' in address) {
    const hosts = address.sentinels.map(describeHost).join(',');
    return `${scheme}+sentinel://${user}${hosts}/${address.name}${db === 0 ? '' : `/${db}`}`;
  }
  const { host = '', port = 0, path } = address;
  if (path !== undefined) {
    return `unix://${user}${path}${db === 0 ? '' : `?db=${db}`}`;
  }
  return `${scheme}://${user}${describeHost({ host, port })}${db === 0 ? '' : `/${db}`}`;
}

function describeHost({ host, port }: RedisHost): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
