import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { readStored } from '../redis/stored-state.ts';
import { SLICE_COUNTS } from './slice-counts.lua.ts';

/** Slices read per state. Of a longer queue they stand for all. */
const SAMPLE = 300;

const count = z.number().int().nonnegative();
const reply = z.object({ running: count, queued: count, deferred: count, retrying: count });

interface Question {
  readonly batch: string;
  readonly slicePrefix: string;
  readonly sample: number;
}

const script = new DocumentScript<Question, typeof reply>(SLICE_COUNTS, reply);

/** Slices of a batch: at workers, in the queue or paused, waiting for their origin, for a retry. */
export type SliceCounts = z.infer<typeof reply>;

/** Exact unless the queue is long. The cost does not grow with the queue. */
export async function countSlices(
  redis: Redis,
  keys: FleetKeys,
  batch: string,
): Promise<SliceCounts> {
  const sets = ['wait', 'prioritized', 'active', 'delayed'].map((set) => keys.queue(set));
  const question = { batch, slicePrefix: keys.queue(''), sample: SAMPLE };
  const read = script.run(redis, [...sets, keys.pausedSlices(batch)], question);
  return readStored('the queue of slices', read);
}
