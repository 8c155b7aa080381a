import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { isWithheld } from './redis-refusal.ts';
import { Script } from './script.ts';

/*
 * Commands without a key. One server answers them for everything; in a cluster, ioredis sends them
 * to any of the masters. So they are asked for beside a key: a script runs where its key is.
 */

const INFO = new Script(`return redis.call('INFO', ARGV[1])`, z.string());
const TIME = new Script(`return redis.call('TIME')`, z.tuple([z.string(), z.string()]));

/** The servers that take writes: one, or every master of a cluster. */
export function mastersOf(redis: Redis | Cluster): readonly Redis[] {
  return 'nodes' in redis ? redis.nodes('master') : [redis];
}

/** Whether keys are spread over several servers. */
export function isCluster(redis: Redis): boolean {
  return redis.isCluster;
}

/**
 * `INFO` of the server that has a key. For a user who may not run it, what is known otherwise: see
 * client-info.ts.
 */
export async function infoOf(redis: Redis, key: string, section: string): Promise<string> {
  if (isCluster(redis)) {
    try {
      return await INFO.run(redis, [key], [section]);
    } catch (error) {
      if (!isWithheld(error)) {
        throw error;
      }
    }
  }
  return redis.info(section);
}

/** The time of the server that has a key, as scripts on this key see it; epoch milliseconds. */
export async function timeOf(redis: Redis, key: string): Promise<number> {
  const [seconds, micros] = await (isCluster(redis) ? TIME.run(redis, [key]) : redis.time());
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}
