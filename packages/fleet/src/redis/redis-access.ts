import { readFileSync } from 'node:fs';
import { refuseNamedPipe } from '@fetchfleet/crawl';
import { type NatMap, type RedisHost, type RedisTls, RedisUrlError } from './redis-address.ts';

/** What belongs to the address of a Redis, and stands in variables of its own. */
export interface RedisAccess {
  /** File in PEM format: trusted instead of the authorities that Node knows. */
  readonly ca?: string | undefined;
  /** File with the certificate of this client; it needs {@link key}. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** For the Sentinels; those of the URL are for the master. */
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** `ANNOUNCED:PORT=REACHABLE:PORT`, separated by commas. */
  readonly natMap?: string | undefined;
}

const VARIABLES = {
  ca: 'REDIS_TLS_CA',
  cert: 'REDIS_TLS_CERT',
  key: 'REDIS_TLS_KEY',
  sentinelUsername: 'REDIS_SENTINEL_USERNAME',
  sentinelPassword: 'REDIS_SENTINEL_PASSWORD',
  natMap: 'REDIS_NAT_MAP',
} as const satisfies Record<keyof RedisAccess, string>;

/** What the environment names for a Redis. */
export function redisAccess(env: Readonly<Record<string, string | undefined>>): RedisAccess {
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([name, variable]) => [name, env[variable]]),
  );
}

/** @throws RedisUrlError */
export function readTls(access: RedisAccess): RedisTls {
  if (!access.cert !== !access.key) {
    throw new RedisUrlError('REDIS_TLS_CERT and REDIS_TLS_KEY must be set together');
  }
  const names = ['ca', 'cert', 'key'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const file = access[name];
      return file ? [[name, readTlsFile(VARIABLES[name], file)]] : [];
    }),
  );
}

function readTlsFile(variable: string, file: string): string {
  try {
    refuseNamedPipe(file);
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RedisUrlError(`${variable}: cannot read ${JSON.stringify(file)}`, { cause: error });
  }
}

/** @throws RedisUrlError */
export function readSentinelLogin({ sentinelUsername, sentinelPassword }: RedisAccess): {
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
} {
  if (!sentinelPassword) {
    if (sentinelUsername) {
      throw new RedisUrlError(
        'REDIS_SENTINEL_USERNAME needs REDIS_SENTINEL_PASSWORD; the user and the password of the ' +
          'URL are for the master',
      );
    }
    return {};
  }
  return sentinelUsername ? { sentinelUsername, sentinelPassword } : { sentinelPassword };
}

/**
 * @param readHost undefined if the text is no host with a port
 * @throws RedisUrlError
 */
export function readNatMap(
  { natMap }: RedisAccess,
  readHost: (text: string) => RedisHost | undefined,
): { readonly natMap?: NatMap } {
  if (!natMap) {
    return {};
  }
  const pairs = natMap.split(',').map((pair) => {
    const hosts = pair.split('=').map((text) => readHost(text.trim()));
    const [announced, reachable] = hosts;
    if (announced === undefined || reachable === undefined || hosts.length !== 2) {
      throw new RedisUrlError(
        'REDIS_NAT_MAP must have ANNOUNCED-HOST:PORT=REACHABLE-HOST:PORT, separated by commas',
      );
    }
    return [`${announced.host}:${announced.port}`, reachable] as const;
  });
  return { natMap: Object.fromEntries(pairs) };
}
