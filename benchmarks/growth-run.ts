import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startBuilt } from './binaries.ts';
import type { BenchFleet } from './bench-fleet.ts';
import { countRecords, type RecordCount } from './count-records.ts';
import { crawlText } from './crawl-text.ts';
import { MemoryWatch } from './memory-watch.ts';
import { cpuDuring, endedChildrenMicros } from './process-usage.ts';
import { redisCounters } from './redis-counters.ts';

const PRODUCER_DEADLINE_MS = 120_000;

/** The cost of a batch from the start of its producer to its last record. CPU in microseconds. */
export interface GrowthRun {
  readonly fetches: number;
  /** From the first slice that a worker opens to the last durable record. */
  readonly seconds: number;
  readonly workerMicros: number | undefined;
  readonly redisMicros: number | undefined;
  readonly producerMicros: number | undefined;
  readonly commands: number;
  readonly scripts: number;
  /** Bytes between Redis and all its clients, both directions. */
  readonly networkBytes: number;
  /** Largest growth of Redis during the batch. */
  readonly redisBytes: number | undefined;
  /** Resident memory of worker, producer and Redis, and `used_memory` as redis-used. */
  readonly memory: MemoryWatch;
  readonly count: RecordCount;
}

/** Runs `fetchfleet start` next to an idle worker, from end to end. */
export async function growthRun(
  fleet: BenchFleet,
  url: string,
  fetches: number,
): Promise<GrowthRun> {
  const file = `${fleet.results}-${fetches}.yaml`;
  await writeFile(file, crawlText({ url, fetches }));
  const before = await redisCounters(fleet);
  const usedBytes = async (): Promise<number> => (await redisCounters(fleet)).usedBytes;
  const memory = new MemoryWatch({ 'redis-used': usedBytes });
  fleet.workers.forEach(({ pid }) => memory.add('worker', pid));
  memory.add('redis', fleet.redis.pid);
  const childrenBefore = await endedChildrenMicros();
  const pids = [fleet.redis.pid, ...fleet.workers.map(({ pid }) => pid)];
  try {
    const { value: batch, micros } = await cpuDuring(pids, async () => {
      const id = await start(fleet, file, memory);
      await fleet.finished(id);
      return id;
    });
    const childrenAfter = await endedChildrenMicros();
    const after = await redisCounters(fleet);
    const { seconds, ok, total } = await fleet.times(batch);
    if (ok !== fetches) {
      throw new Error(`batch ${batch}: ${ok} of ${total} succeeded`);
    }
    const most = memory.most('redis-used');
    return {
      fetches,
      seconds,
      redisMicros: micros[0],
      workerMicros: micros[1],
      producerMicros: difference(childrenAfter, childrenBefore),
      commands: after.commands - before.commands,
      scripts: after.scripts - before.scripts,
      networkBytes: after.bytesIn + after.bytesOut - before.bytesIn - before.bytesOut,
      redisBytes: difference(most, before.usedBytes),
      memory,
      count: await takeAway(fleet, batch, fetches),
    };
  } finally {
    memory.stop();
  }
}

/** Resolves with the id of the batch when the producer has ended. */
async function start(fleet: BenchFleet, file: string, memory: MemoryWatch): Promise<string> {
  const running = await startBuilt('producer', ['start', file, '--json'], {
    redisUrl: fleet.redis.url,
    fleet: fleet.name,
  });
  memory.add('producer', running.pid);
  const [, id = ''] = await running.waitForLine(/"batch":"([^"]+)"/, PRODUCER_DEADLINE_MS);
  await running.exit;
  return id;
}

/** Counts the records and removes them. */
async function takeAway(fleet: BenchFleet, batch: string, total: number): Promise<RecordCount> {
  const folder = join(fleet.results, batch);
  const count = await countRecords(folder, total);
  await rm(folder, { recursive: true, force: true });
  return count;
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : after - before;
}
