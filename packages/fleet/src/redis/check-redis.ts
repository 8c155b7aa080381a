import type { Redis } from 'ioredis';
import type { FleetKeys } from './keys.ts';
import { clusterRefusal, refusalOf, RedisUnfitError } from './redis-refusal.ts';
import { callWhenFull } from './script.ts';
import { infoOf, isCluster, mastersOf } from './servers.ts';

/** The first version with all commands that fetchfleet and BullMQ use. */
const OLDEST = { major: 6, minor: 2 };
const PROBE_MS = 1_000;

export interface RedisCheck {
  readonly redis: Redis;
  readonly keys: Pick<FleetKeys, 'probe'>;
  /** The address without user and password. */
  readonly place: string;
}

/**
 * Whether a fleet can work on this Redis at all. What may pass by itself (full, loading, read-only)
 * is no reason to refuse it.
 *
 * @returns what may lose data one day, one sentence each
 * @throws RedisUnfitError, RedisRefusedError, RedisUrlError
 */
export async function checkRedis({ redis, place }: Omit<RedisCheck, 'keys'>): Promise<string[]> {
  const infos = await Promise.all(
    mastersOf(redis).map(async (master) => checkServer({ redis: master, place })),
  );
  const isNode = infos.some((info) => info.get('cluster_enabled') === '1');
  if (isNode && !isCluster(redis) && (await isSharded(redis))) {
    throw clusterRefusal(place);
  }
  return [...new Set(infos.flatMap(warningsOf))];
}

/** @returns what it says of itself */
async function checkServer({
  redis,
  place,
}: Omit<RedisCheck, 'keys'>): Promise<ReadonlyMap<string, string>> {
  const info = await readRedisInfo(redis, place);
  const version = info.get('redis_version');
  if (version !== undefined && isTooOld(version)) {
    throw new RedisUnfitError(
      `Redis at ${place} is version ${version}: fetchfleet needs ` +
        `${OLDEST.major}.${OLDEST.minor} or later`,
    );
  }
  if (modeOf(info) === 'sentinel') {
    throw new RedisUnfitError(
      `Redis at ${place} is a Sentinel, which keeps no data: REDIS_URL must be ` +
        'redis+sentinel://HOST:PORT/NAME, with the name that it has for the master',
    );
  }
  return info;
}

/** Writes as claiming and settling do: a full Redis takes it. Rejects with the error of Redis. */
async function writeProbe(redis: Redis, { probe }: Pick<FleetKeys, 'probe'>): Promise<void> {
  await callWhenFull(redis, 'SET', probe, '1', 'PX', PROBE_MS);
}

/**
 * Writes to Redis as a fleet does. Rejects with the error of Redis while it takes no writes. A full
 * Redis is worked off, so it passes.
 *
 * @throws RedisUnfitError, RedisRefusedError, RedisUrlError if it never will
 */
export async function checkWrites({ redis, keys, place }: RedisCheck): Promise<void> {
  try {
    await writeProbe(redis, keys);
  } catch (error) {
    throw refusalOf(error, place) ?? error;
  }
}

/**
 * What `INFO` says, by name. Memory, eviction policy and persistence are missing where the user may
 * not run it.
 *
 * @param key in a cluster, the server that has it is asked
 */
export async function readRedisInfo(
  redis: Redis,
  place: string,
  key = '',
): Promise<ReadonlyMap<string, string>> {
  let text: string;
  try {
    text = await infoOf(redis, key, 'default');
  } catch (error) {
    throw refusalOf(error, place) ?? error;
  }
  return new Map(
    text.split('\r\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
    }),
  );
}

/** `standalone`, `cluster` or `sentinel`, which Valkey tells under another name than Redis. */
export function modeOf(info: ReadonlyMap<string, string>): string {
  return info.get('redis_mode') ?? info.get('server_mode') ?? 'standalone';
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor);
}

/** A cluster of one shard holds all keys; more need a client for clusters. */
async function isSharded(redis: Redis): Promise<boolean> {
  const info = await redis.cluster('INFO').catch(() => ''); // not permitted: a write will tell
  return Number(/^cluster_size:(\d+)/m.exec(info)?.[1] ?? 1) > 1;
}

function warningsOf(info: ReadonlyMap<string, string>): string[] {
  return [evictionWarning(info), persistenceWarning(info)].filter((one) => one !== undefined);
}

/** Undefined if a Redis that is full deletes nothing. */
export function evictionWarning(info: ReadonlyMap<string, string>): string | undefined {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  return policy === 'noeviction' || info.get('maxmemory') === '0'
    ? undefined
    : `Redis deletes slices when it is full: its maxmemory-policy is ${policy}, ` +
        'and should be noeviction';
}

/** Undefined if a Redis that is started again has its data, or does not say whether. */
export function persistenceWarning(info: ReadonlyMap<string, string>): string | undefined {
  return info.get('aof_enabled') === '0'
    ? 'Redis keeps no append-only file: a restart may lose batches; set appendonly to yes'
    : undefined;
}
