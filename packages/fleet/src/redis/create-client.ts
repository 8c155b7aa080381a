import { lookup } from 'node:dns';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { clusterWithInfo, redisWithInfo } from './client-info.ts';
import type {
  ClusterAddress,
  RedisAddress,
  RedisHost,
  RedisTls,
  SentinelAddress,
} from './redis-address.ts';

/** How a client behaves, whatever kind of Redis it talks to. */
export interface ClientOptions {
  /** BullMQ needs null: commands wait until Redis is back. */
  readonly maxRetriesPerRequest: number | null;
  /** Puts the commands of one tick into one pipeline. Not in a cluster, see below. */
  readonly enableAutoPipelining?: boolean;
  /** Milliseconds until the next attempt to connect; null gives up. */
  readonly retryStrategy: (attempt: number) => number | null;
  readonly reconnectOnError?: (error: Error) => boolean;
  readonly enableReadyCheck?: boolean;
  readonly lazyConnect?: boolean;
  readonly connectTimeout?: number;
  readonly commandTimeout?: number;
  readonly disconnectTimeout: number;
}

/** Between two attempts to send a command that a cluster does not take at the moment. */
const CLUSTER_RETRY_MS = 100;
/** A command fails when it was not taken for 10 s: an error that comes back is told, not hidden. */
const CLUSTER_ATTEMPTS = 100;
/** A node that hangs, without closing its connections, is noticed after so long. */
const SLOTS_REFRESH_MS = 5_000;
const SLOTS_TIMEOUT_MS = 3_000;
/** Between two rounds of asking all Sentinels. */
const SENTINEL_RETRY_MS = 500;

/**
 * The one place where clients are made: of one server, of a cluster, or of the master that
 * Sentinels name. BullMQ copies the client that it is given, and so gets the same kind. All of them
 * answer `INFO`, also for a user who may not run it.
 *
 * A `Cluster` is returned as a `Redis`. It has the same commands, events, `status`, `duplicate`,
 * `disconnect` and `defineCommand`, and fleets use nothing else; what is different on several
 * servers stands in servers.ts.
 */
export function createClient(address: RedisAddress, options: ClientOptions): Redis {
  if ('cluster' in address) {
    const client = clusterWithInfo(createCluster(address, options));
    // ioredis has no type for what both have in common.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return client as unknown as Redis;
  }
  return redisWithInfo(
    'sentinels' in address
      ? createBehindSentinels(address, options)
      : new Redis({ ...address, ...options }),
  );
}

/**
 * Commands of one tick are not put into one pipeline: while slots move, some of a pipeline succeed
 * and others are redirected, and ioredis then fails these instead of sending them where they
 * belong. They still leave together, because none waits for the answer of another.
 */
function createCluster(address: ClusterAddress, options: ClientOptions): Cluster {
  const { cluster, natMap, tls, username, password, family } = address;
  const { retryStrategy, enableAutoPipelining: _, reconnectOnError: __, ...rest } = options;
  return new Cluster([...cluster], {
    ...withNat<ClusterOptions>(natMap),
    clusterRetryStrategy: retryStrategy,
    ...(rest.lazyConnect === undefined ? {} : { lazyConnect: rest.lazyConnect }),
    maxRedirections: CLUSTER_ATTEMPTS,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    retryDelayOnTryAgain: CLUSTER_RETRY_MS,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    // A certificate is for a name, so names stay names.
    dnsLookup:
      tls === undefined
        ? (host, done) => lookup(host, { family: family ?? 0 }, done)
        : (host, done) => done(null, host),
    redisOptions: {
      ...rest,
      ...login({ username, password, family }),
      ...(tls === undefined ? {} : { tls: tlsOptions(tls, cluster) }),
    },
  });
}

function createBehindSentinels(address: SentinelAddress, options: ClientOptions): Redis {
  const { sentinels, natMap, tls, name, db, sentinelUsername, sentinelPassword } = address;
  const { username, password, family } = address;
  const secure = tls === undefined ? undefined : tlsOptions(tls, sentinels);
  const givesUp = options.retryStrategy(1) === null;
  return new Redis({
    ...options,
    ...withNat<RedisOptions>(natMap),
    ...login({ username, password, family }),
    sentinels: [...sentinels],
    name,
    db,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    sentinelRetryStrategy: () => (givesUp ? null : SENTINEL_RETRY_MS),
    // A Sentinel that hangs must not keep the others from being asked.
    sentinelCommandTimeout: SLOTS_TIMEOUT_MS,
    // A master that hangs keeps its connections: only the Sentinels tell that it was replaced.
    failoverDetector: !givesUp,
    ...(secure === undefined
      ? {}
      : { tls: secure, sentinelTLS: secure, enableTLSForSentinelMode: true }),
  });
}

function login(given: {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly family: number | undefined;
}): Pick<RedisOptions, 'username' | 'password' | 'family'> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function withNat<T extends { natMap?: RedisOptions['natMap'] }>(
  natMap: ClusterAddress['natMap'],
): Pick<T, 'natMap'> {
  return natMap === undefined ? {} : { natMap: { ...natMap } };
}

/**
 * Nodes and masters are found by an address that others announce, often without a name. So a
 * certificate counts as well if it is for one of the hosts that the URL names.
 */
function tlsOptions(tls: RedisTls, named: readonly RedisHost[]): ConnectionOptions {
  return {
    ...tls,
    checkServerIdentity: (host, certificate) => {
      const problem = checkServerIdentity(host, certificate);
      const isNamed = named.some((one) => !checkServerIdentity(one.host, certificate));
      return problem === undefined || isNamed ? undefined : problem;
    },
  };
}
