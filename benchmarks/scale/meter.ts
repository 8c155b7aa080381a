import { readdir } from 'node:fs/promises';
import type { BenchFleet } from '../bench-fleet.ts';
import { cpuDuring, residentBytes } from '../process-usage.ts';
import { redisCounters } from '../redis-counters.ts';

/** What a piece of work cost, or what there is after it. */
export interface Reading {
  /** CPU time in microseconds. */
  readonly workerMicros: number;
  readonly redisMicros: number;
  /** Commands that Redis executed, including those in scripts. */
  readonly commands: number;
  /** Bytes between Redis and all its clients, in both directions. */
  readonly networkBytes: number;
  /** Growth of the memory of Redis. */
  readonly redisBytes: number;
}

/** Measures all workers of a fleet and its Redis. */
export async function measure(fleet: BenchFleet, work: () => Promise<void>): Promise<Reading> {
  const before = await redisCounters(fleet);
  const pids = [fleet.redis.pid, ...fleet.workers.map(({ pid }) => pid)];
  const { micros } = await cpuDuring(pids, work);
  const after = await redisCounters(fleet);
  const [redisMicros = 0, ...workerMicros] = micros.map((own) => own ?? 0);
  return {
    workerMicros: workerMicros.reduce((sum, own) => sum + own, 0),
    redisMicros,
    commands: after.commands - before.commands,
    networkBytes: after.bytesIn + after.bytesOut - before.bytesIn - before.bytesOut,
    redisBytes: after.usedBytes - before.usedBytes,
  };
}

/** Open descriptors and resident memory of all workers, and connections to Redis. */
export async function holdings(
  fleet: BenchFleet,
): Promise<{ descriptors: number; residentBytes: number; connections: number }> {
  const pids = fleet.workers.map(({ pid }) => pid);
  const open = await Promise.all(pids.map(async (pid) => readdir(`/proc/${pid}/fd`)));
  const resident = await Promise.all(pids.map(residentBytes));
  const clients = await fleet.client.info('clients');
  return {
    descriptors: open.reduce((sum, { length }) => sum + length, 0),
    residentBytes: resident.reduce<number>((sum, own) => sum + (own ?? 0), 0),
    connections: Number(/^connected_clients:(\d+)/m.exec(clients)?.[1]),
  };
}
