import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FleetKeys } from './keys.ts';
import { DocumentScript } from './script.ts';

/** What scripts and clients of a fleet, and BullMQ, do to a key. A test compares it with both. */
const KEY_COMMANDS =
  'BITCOUNT BITFIELD BZPOPMIN DEL EXISTS EXPIRE GET GETBIT GETRANGE HDEL HEXISTS HGET HGETALL ' +
  'HINCRBY HKEYS HLEN HMGET HMSET HSCAN HSET HSETNX INCR INCRBY LINDEX LLEN LPOP LPOS LPUSH ' +
  'LRANGE LREM LSET LTRIM PERSIST PEXPIRE PEXPIREAT PTTL RENAME RPOP RPOPLPUSH RPUSH SADD SCARD ' +
  'SET SETBIT SISMEMBER SMEMBERS SREM SSCAN TYPE UNLINK XADD XDEL XLEN XRANGE XTRIM ZADD ZCARD ' +
  'ZCOUNT ZLEXCOUNT ZMSCORE ZPOPMIN ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ' +
  'ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZSCAN ZSCORE';

/** Those whose keys stand elsewhere than first, or that have none. */
const OTHER_COMMANDS: readonly (readonly string[])[] = [
  ['BITOP', 'OR', 'KEY', 'KEY'],
  ['XREAD', 'STREAMS', 'KEY', '0'],
  ['EVAL', 'return 1', '1', 'KEY'],
  ['EVALSHA', '0', '1', 'KEY'],
  ['TIME'],
  ['PING'],
  ['SELECT', '0'],
  ['CLIENT', 'SETNAME', 'x'],
  ['MULTI'],
  ['EXEC'],
];

/** What a fleet needs and the user of a connection may not do. */
export interface LackedPermissions {
  readonly commands: readonly string[];
  /** Patterns of keys and channels, as ACL rules name them. */
  readonly patterns: readonly string[];
}

const deniedReply = z.object({
  denied: z.array(z.number()).optional(),
  isUnknown: z.boolean().optional(),
});

/**
 * KEYS  none: a key that is denied would keep the script from running
 * ARGV  a list of commands with their arguments
 * Returns { denied: positions of those that the user may not run, from 1 }; {} if there are none,
 *       and { isUnknown: true } before Redis 7, which cannot tell
 */
const DENIED = new DocumentScript<readonly (readonly string[])[], typeof deniedReply>(
  `
if not redis.acl_check_cmd then return cjson.encode({ isUnknown = true }) end
local denied = {}
for at, words in ipairs(cjson.decode(ARGV[1])) do
  -- It fails for a command that this Redis does not have, or has under another name; from Redis 8
  -- on also for a wrong number of arguments.
  local isKnown, may = pcall(redis.acl_check_cmd, unpack(words))
  for _, count in ipairs({ 3, 2, 5 }) do
    if isKnown or #words < 4 then break end
    words[5] = words[2]
    isKnown, may = pcall(redis.acl_check_cmd, unpack(words, 1, count))
  end
  if not isKnown or not may then denied[#denied + 1] = at end
end
return cjson.encode({ denied = #denied > 0 and denied or nil })
`,
  deniedReply,
);

/**
 * Which commands, keys and channels of a fleet the rules of Redis keep from this user. Nothing is
 * run or written. Rejects with the error of Redis if the user may not even run a script.
 *
 * @returns undefined before Redis 7, which does not tell
 */
export async function lackedPermissions(
  redis: Redis,
  keys: Pick<FleetKeys, 'probe' | 'gate' | 'gateNotifications' | 'shards'>,
): Promise<LackedPermissions | undefined> {
  const { probe, gate, gateNotifications: channel } = keys;
  // Their tags differ from that of the probe.
  const otherKeys = [
    gate('http://127.0.0.1'),
    ...keys.shards.slice(1).map((shard) => shard.batches),
  ];
  const onKey = KEY_COMMANDS.split(' ').map((name) => [name, probe, probe, probe]);
  const others = OTHER_COMMANDS.map((words) =>
    words.map((word) => (word === 'KEY' ? probe : word)),
  );
  // Two commands: a user may lack one of them.
  const onOtherKeys = otherKeys.map((key) => ({
    key,
    commands: [
      ['EXISTS', key],
      ['TYPE', key],
    ],
  }));
  const onChannel = [
    ['PUBLISH', channel, ''],
    ['SUBSCRIBE', channel],
  ];
  const all = [
    ...onKey,
    ...others,
    ...onOtherKeys.flatMap(({ commands }) => commands),
    ...onChannel,
  ];
  const { denied = [], isUnknown } = await DENIED.run(redis, [], all);
  if (isUnknown === true) {
    return undefined;
  }
  const isLacked = new Set(denied.map((at) => all[at - 1]));
  // Where the key is denied, so is every command on it.
  const isKeyLacked = onKey.every((words) => isLacked.has(words));
  const named = [...(isKeyLacked ? [] : onKey), ...others].filter((words) => isLacked.has(words));
  const patterns = [
    ...(isKeyLacked ? [`~${patternOf(probe)}`] : []),
    ...onOtherKeys.flatMap(({ key, commands }) =>
      commands.every((words) => isLacked.has(words)) ? [`~${patternOf(key)}`] : [],
    ),
    ...(onChannel.some((words) => isLacked.has(words)) ? [`&${patternOf(channel)}`] : []),
  ];
  return { commands: named.map(([name = '']) => name), patterns: [...new Set(patterns)] };
}

/** `{fetchfleet}:probe` → `{fetchfleet}:*` */
function patternOf(key: string): string {
  return `${key.slice(0, key.indexOf(':'))}:*`;
}
