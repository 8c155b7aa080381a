import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { startRedis } from '@fetchfleet/testing';
import { compete, type Score } from './contest.ts';
import { Loops } from './loops.ts';
import type { Origin } from './origin.ts';
import { BenchWorker } from './worker-run.ts';

/** A limit of the gate that never binds: what asking costs. */
const LOOSE_LIMIT = 10_000;

/** What is the same for every line of one table. */
export interface Conditions {
  readonly inFlight: number;
  /** Fetches of one run, about a second of each. */
  readonly fetches: {
    readonly sequential: number;
    readonly got: number;
    readonly undici: number;
    readonly worker: number;
  };
  readonly rounds: number;
  readonly folder: string;
}

/** Loops and workers in turns, against one origin. */
export async function sideBySide(origin: Origin, conditions: Conditions): Promise<Score[]> {
  const { inFlight, fetches, rounds, folder } = conditions;
  const redis = await startRedis({ appendonly: true, dir: await mkdtemp(join(folder, 'redis-')) });
  const loops = new Loops(origin.url);
  const common = { redis, concurrency: inFlight, results: join(folder, 'results') };
  const got = await BenchWorker.start({ ...common, transport: 'got' });
  const undici = await BenchWorker.start({ ...common, transport: 'undici' });
  try {
    const contenders = [
      loops.sequential(fetches.sequential),
      loops.got(fetches.got, inFlight),
      got.contender(origin.url, fetches.got),
      loops.undici(fetches.undici, inFlight),
      undici.contender(origin.url, fetches.worker),
      undici.contender(origin.url, fetches.worker, LOOSE_LIMIT),
    ];
    return await compete(contenders, rounds);
  } finally {
    await Promise.all([got.stop(), undici.stop(), loops.stop()]);
    await redis.dispose();
  }
}
