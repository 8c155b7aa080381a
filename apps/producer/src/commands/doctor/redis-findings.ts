import {
  checkRedis,
  checkWrites,
  evictionWarning,
  type FleetKeys,
  hasNoRoom,
  lackedPermissions,
  modeOf,
  persistenceWarning,
  readRedisInfo,
  readRedisMemory,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import { formatBytes, formatPercent } from '../../report/units.ts';
import { type Finding, findingsOf, ok, problem, warning } from './finding.ts';

const PINGS = 20;
/** A slice waits for Redis several times, and so do all fetches of it. */
const SLOW_MS = 10;
/** Commands that a message names. */
const MAX_NAMED = 6;

export interface OpenRedis {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  /** The address without user and password. */
  readonly place: string;
  /** Of this folder: nobody sets it up. */
  readonly isPrivate: boolean;
}

/** Whether a fleet can work on this Redis, and whether it keeps what it is given. */
export async function redisFindings(open: OpenRedis): Promise<readonly Finding[]> {
  const checks: [string, () => Promise<readonly Finding[]>][] = [
    ['server', async () => serverFindings(open)],
    ['shards', async () => shardFindings(open)],
    ['persistence', async () => persistenceFindings(open)],
    ['memory', async () => memoryFindings(open)],
    ['permissions', async () => permissionFindings(open)],
    ['latency', async () => latencyFindings(open)],
  ];
  const found: Finding[] = [];
  // One after the other: what others do meanwhile would be measured as latency.
  for (const [check, work] of checks) {
    found.push(...(await findingsOf(check, work)));
  }
  return found;
}

async function serverFindings({ redis, keys, place }: OpenRedis): Promise<readonly Finding[]> {
  await checkRedis({ redis, place }); // what may lose data has lines of its own
  const info = await readRedisInfo(redis, place, keys.home.queue('wait'));
  if (info.get('role') === 'slave') {
    const host = info.get('master_host');
    const master = host === undefined ? '' : `, ${host}:${info.get('master_port')}`;
    return [
      problem(
        'server',
        `${place} is a replica, which takes no writes: use the address of its master${master}`,
      ),
    ];
  }
  return [ok('server', describeServer(info)), ...(saysAll(info) ? [] : [NO_INFO])];
}

/** What is not known without `INFO`; all else works. */
const NO_INFO = warning(
  'info',
  'this user may not run INFO, so whether Redis keeps its data, deletes some or is full is not ' +
    'known, and enqueueing does not stop before it is full: ACL SETUSER NAME +info',
);

/** Whether the user may run `INFO`. */
function saysAll(info: ReadonlyMap<string, string>): boolean {
  return info.has('used_memory');
}

function describeServer(info: ReadonlyMap<string, string>): string {
  const valkey = info.get('valkey_version');
  const version =
    valkey === undefined ? `version ${info.get('redis_version')}` : `Valkey ${valkey}`;
  const replicas = info.get('connected_slaves');
  const behind =
    replicas === '1' ? '1 replica' : replicas === '0' ? 'no replica' : `${replicas} replicas`;
  return [version, modeOf(info), ...(replicas === undefined ? [] : [behind])].join(', ');
}

/** Nothing of a fleet that has one shard, as most have. */
async function shardFindings({ redis, keys, place }: OpenRedis): Promise<readonly Finding[]> {
  const { shards } = keys;
  if (shards.length === 1) {
    return [];
  }
  const infos = await Promise.all(
    shards.map(async ({ queue }) => readRedisInfo(redis, place, queue('wait'))),
  );
  const masters = new Set(infos.map((info) => info.get('run_id'))).size;
  const isCluster = infos.some((info) => info.get('redis_mode') === 'cluster');
  return [
    masters === 1 && isCluster
      ? warning(
          'shards',
          `all ${shards.length} shards are on one master, and share its core: move slots of ` +
            shards.map(({ queuePrefix }) => queuePrefix).join(' '),
        )
      : ok(
          'shards',
          `${shards.length} shards on ${masters === 1 ? '1 master' : `${masters} masters`}`,
        ),
  ];
}

async function persistenceFindings(open: OpenRedis): Promise<readonly Finding[]> {
  return eachMaster(open, async ({ info }) => [persistenceIn(info)]);
}

function persistenceIn(info: ReadonlyMap<string, string>): Finding {
  const lost = persistenceWarning(info);
  if (lost !== undefined) {
    return warning('persistence', lost);
  }
  if (info.get('aof_last_write_status') === 'err') {
    return problem(
      'persistence',
      'Redis cannot write its append-only file: give its disk room, and look at its log',
    );
  }
  return ok('persistence', 'append-only file');
}

async function memoryFindings(open: OpenRedis): Promise<readonly Finding[]> {
  const { redis, isPrivate } = open;
  return eachMaster(open, async ({ key, info }) => {
    const evicting = evictionWarning(info);
    const policy =
      evicting === undefined
        ? ok('policy', info.get('maxmemory_policy') ?? 'noeviction')
        : warning('policy', evicting);
    return [policy, await roomFinding({ redis, key, info, isPrivate })];
  });
}

/** What there is to say of the masters of all shards, each sentence once. */
async function eachMaster(
  { redis, keys, place }: OpenRedis,
  look: (master: Pick<Room, 'key' | 'info'>) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    keys.shards.map(async ({ queue }) => {
      const key = queue('wait');
      const info = await readRedisInfo(redis, place, key);
      return saysAll(info) ? look({ key, info }) : [];
    }),
  );
  return [...new Map(found.flat().map((one) => [`${one.check} ${one.text}`, one])).values()];
}

interface Room {
  readonly redis: Redis;
  /** The server that has it is asked. */
  readonly key: string;
  readonly info: ReadonlyMap<string, string>;
  readonly isPrivate: boolean;
}

async function roomFinding({ redis, key, info, isPrivate }: Room): Promise<Finding> {
  const memory = await readRedisMemory(redis, key);
  const used = formatBytes(Number(info.get('used_memory') ?? 0));
  if (memory === undefined) {
    const total = Number(info.get('total_system_memory') ?? 0);
    return info.get('maxmemory') === '0' && !isPrivate
      ? warning(
          'memory',
          `Redis uses ${used} and has no limit, so the system may kill it when it is full: set ` +
            `maxmemory to about ${total > 0 ? formatBytes(total * 0.75) : '75 % of the machine'}`,
        )
      : ok('memory', `${used} in use`);
  }
  const share = formatPercent(memory.usedBytes, memory.maxBytes);
  return hasNoRoom(memory)
    ? problem(
        'memory',
        `Redis has used ${share} of its ${formatBytes(memory.maxBytes)}, so nothing more is ` +
          'enqueued: prune old batches, or raise maxmemory',
      )
    : ok('memory', `${used} of ${formatBytes(memory.maxBytes)} in use`);
}

async function permissionFindings({ redis, keys, place }: OpenRedis): Promise<readonly Finding[]> {
  const lacked = await lackedPermissions(redis, keys).catch(() => undefined);
  const what = [
    ...named('run', lacked?.commands ?? []),
    ...named('reach', lacked?.patterns ?? []),
  ].join(' or ');
  if (what !== '') {
    return [
      problem(
        'permissions',
        `this user may not ${what}: give it the rules of "A user of its own" in docs/operations.md`,
      ),
    ];
  }
  await checkWrites({ redis, keys, place });
  return [
    ok(
      'permissions',
      lacked === undefined ? 'writes and scripts work' : 'all commands, keys and channels',
    ),
  ];
}

function named(verb: string, names: readonly string[]): string[] {
  const more = names.length - MAX_NAMED;
  const shown = names.slice(0, MAX_NAMED).join(', ');
  return names.length === 0 ? [] : [`${verb} ${shown}${more > 0 ? ` and ${more} more` : ''}`];
}

async function latencyFindings({ redis }: OpenRedis): Promise<readonly Finding[]> {
  const taken: number[] = [];
  for (let n = 0; n < PINGS; n += 1) {
    const askedAt = performance.now();
    await redis.ping();
    taken.push(performance.now() - askedAt);
  }
  const sorted = taken.toSorted((a, b) => a - b);
  const median = sorted[PINGS / 2] ?? 0;
  const longest = `${(sorted.at(-1) ?? 0).toFixed(1)} ms`;
  const text = `${median.toFixed(1)} ms, at most ${longest}`;
  return [
    median > SLOW_MS
      ? warning('latency', `Redis answers in ${text}: run workers and producers nearer to it`)
      : ok('latency', text),
  ];
}
