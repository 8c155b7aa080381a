import { type ClaimedSlice, Ledger, SliceClaims, SliceQueue } from '../../src/index.ts';
import { freshFleet, registration, rethrow, sliceOf } from '../fixture.ts';

/** One batch in each of three shards. */
export const BATCHES = ['b', 'b-s1', 'b-s2'] as const;

export async function shardedFleet({ workers = ['w-1'] } = {}) {
  const { redis, keys } = await freshFleet(3);
  const queue = new SliceQueue(redis, keys);
  const ledger = new Ledger(redis, keys);
  const all = workers.map((worker) => new SliceClaims({ redis, keys, worker, onError: rethrow }));
  const [claims] = all;
  if (claims === undefined) {
    throw new Error('there is no worker');
  }
  await Promise.all(all.map(async (one) => one.start()));
  const stop = async (): Promise<void> => {
    await Promise.all(all.map(async (one) => one.stop()));
    await queue.stop();
  };
  const add = async (slices: number): Promise<void> => {
    for (const batch of BATCHES) {
      await ledger.register(registration(batch, slices * 2));
      await ledger.expanded(batch);
      await queue.add(Array.from({ length: slices }, (_, n) => sliceOf(batch, n * 2, 2)));
    }
  };
  return { redis, keys, queue, ledger, claims, all, add, stop };
}

/** As a worker claims: until there is a slice. */
export async function next(claims: SliceClaims): Promise<ClaimedSlice> {
  for (;;) {
    const slice = await claims.claim();
    if (slice !== undefined) {
      return slice;
    }
  }
}

export function batchOf({ id }: ClaimedSlice): string {
  return id.slice(0, id.lastIndexOf('.'));
}
