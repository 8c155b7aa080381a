import type { BenchFleet } from './bench-fleet.ts';

/** Counters of a Redis since its start. */
export interface RedisCounters {
  /** Commands, including those in scripts. */
  readonly commands: number;
  /** Calls of scripts, many of which share a pipeline. */
  readonly scripts: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** `used_memory` now. */
  readonly usedBytes: number;
}

export async function redisCounters({
  client,
}: Pick<BenchFleet, 'client'>): Promise<RedisCounters> {
  const [commands, stats, memory] = await Promise.all([
    client.info('commandstats'),
    client.info('stats'),
    client.info('memory'),
  ]);
  const calls = [...commands.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)];
  const sum = (of: typeof calls): number => of.reduce((all, [, , n]) => all + Number(n), 0);
  return {
    commands: sum(calls),
    scripts: sum(calls.filter(([, name]) => name === 'evalsha' || name === 'eval')),
    bytesIn: field(stats, 'total_net_input_bytes'),
    bytesOut: field(stats, 'total_net_output_bytes'),
    usedBytes: field(memory, 'used_memory'),
  };
}

function field(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
}
