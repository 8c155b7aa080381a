import type { Redis } from 'ioredis';

/** What Redis has done. */
export interface Work {
  /** Scripts, and reads of lists and sets that no script makes. */
  readonly scripts: number;
  /** Commands, also those within scripts. */
  readonly commands: number;
  readonly sentBytes: number;
}

function sum(calls: readonly RegExpExecArray[]): number {
  return calls.reduce((total, [, , count]) => total + Number(count), 0);
}

async function workOf(redis: Redis): Promise<Work> {
  const info = await redis.info('everything');
  const calls = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gmu)].filter(
    ([, name = '']) => !/^(?:info|client|config|ping|select)/u.test(name),
  );
  return {
    scripts: sum(calls.filter(([, name = '']) => /^(?:evalsha|lrange|smembers)$/u.test(name))),
    commands: sum(calls),
    sentBytes: Number(/^total_net_output_bytes:(\d+)/mu.exec(info)?.[1]),
  };
}

export async function workDuring(redis: Redis, work: () => Promise<unknown>): Promise<Work> {
  const before = await workOf(redis);
  await work();
  const after = await workOf(redis);
  return {
    scripts: after.scripts - before.scripts,
    commands: after.commands - before.commands,
    sentBytes: after.sentBytes - before.sentBytes,
  };
}
