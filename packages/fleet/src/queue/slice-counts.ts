import type { Slice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { readStored } from '../redis/stored-state.ts';
import { SLICE_COUNTS } from './slice-counts.lua.ts';
import { readSlice } from './slice-scan.ts';

/** Slices read per state. Of a longer queue they stand for all. */
const SAMPLE = 300;

const count = z.number().int().nonnegative();
const counts = z.object({ running: count, queued: count, deferred: count, retrying: count });
const state = z.enum(['running', 'queued', 'deferred', 'retrying']);
const reply = counts.extend({
  some: z.array(z.object({ state, data: z.string() })).default([]),
});

interface Question {
  readonly batch: string;
  readonly slicePrefix: string;
  readonly sample: number;
  readonly list: number;
}

const script = new DocumentScript<Question, typeof reply>(SLICE_COUNTS, reply);

/** Slices of a batch: at workers, in the queue or paused, waiting for their origin, for a retry. */
export type SliceCounts = z.infer<typeof counts>;

/** A slice, and what it waits for. */
export interface ListedSlice {
  readonly state: z.infer<typeof state>;
  readonly slice: Slice;
}

/** Exact unless the queue is long. The cost does not grow with the queue. */
export async function countSlices(
  redis: Redis,
  keys: FleetKeys,
  batch: string,
): Promise<SliceCounts> {
  const { some: _, ...found } = await read(redis, keys, { batch, list: 0 });
  return found;
}

/**
 * Some slices of a batch: in a long queue not all are looked at. Those that cannot be read are left
 * out.
 *
 * @param list as many of each state at most
 */
export async function someSlices(
  redis: Redis,
  keys: FleetKeys,
  { batch, list }: { readonly batch: string; readonly list: number },
): Promise<ListedSlice[]> {
  const { some } = await read(redis, keys, { batch, list });
  return some.flatMap((one) => {
    const slice = readSlice(one.data);
    return slice === undefined ? [] : [{ state: one.state, slice }];
  });
}

async function read(
  redis: Redis,
  keys: FleetKeys,
  { batch, list }: { readonly batch: string; readonly list: number },
): Promise<z.infer<typeof reply>> {
  const { queue } = keys.shardOf(batch);
  const sets = ['wait', 'prioritized', 'active', 'delayed'].map(queue);
  const question = { batch, slicePrefix: queue(''), sample: SAMPLE, list };
  const asked = script.run(redis, [...sets, keys.pausedSlices(batch)], question);
  return readStored('the queue of slices', asked);
}
