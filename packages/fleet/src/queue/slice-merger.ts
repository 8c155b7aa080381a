import { setTimeout as sleep } from 'node:timers/promises';
import { packSlice, type PendingFetch, type Slice, unpackSlice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { readSlice } from './read-slice.ts';
import { Script } from '../redis/script.ts';
import { LOOK, MERGE } from './slice-merger.lua.ts';

/** Between looks at slices that workers have. */
const LOOK_AGAIN_MS = 200;

const scripts = {
  look: new Script(LOOK, z.array(z.tuple([z.enum(['none', 'active', 'idle']), z.string()]))),
  merge: new Script(MERGE, z.number().int()),
};

/** Where slices are queued. */
interface Target {
  add(slices: readonly Slice[], ids: readonly string[]): Promise<void>;
}

interface Wanted {
  readonly id: string;
  readonly slice: Slice;
}

/**
 * Queues fetches again that had been settled, while the rest of their slices may still be queued: a slice is one job for its whole
 * life, so they are put into the one that is there. One that a worker has is waited for, because the worker will write down what is left
 * of it as far as it knows.
 *
 *     none    queued, as a new slice
 *     idle    it gets the fetches that it lacks
 *     active  looked at again, when all others are done
 */
export class SliceMerger {
  readonly #queue: Target;
  readonly #ledger: Pick<Ledger, 'areSettled'>;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #later: Wanted[] = [];

  constructor(options: {
    readonly queue: Target;
    readonly ledger: Pick<Ledger, 'areSettled'>;
    readonly redis: Redis;
    readonly keys?: FleetKeys;
  }) {
    this.#queue = options.queue;
    this.#ledger = options.ledger;
    this.#redis = options.redis;
    this.#keys = options.keys ?? fleetKeys();
  }

  /** As that of the queue; {@link finish} does the rest. */
  async add(slices: readonly Slice[], ids: readonly string[]): Promise<void> {
    this.#later.push(
      ...(await this.#offer(slices.map((slice, i) => ({ id: ids[i] ?? '', slice })))),
    );
  }

  /** Resolves when all that was added is queued. Slices that workers have are waited for. */
  async finish(signal: AbortSignal): Promise<void> {
    while (this.#later.length > 0) {
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
      this.#later.push(...(await this.#offer(this.#later.splice(0))));
    }
  }

  /** @returns what has to be offered again */
  async #offer(offered: readonly Wanted[]): Promise<Wanted[]> {
    const found = await scripts.look.run(
      this.#redis,
      offered.map(({ id }) => this.#keys.queue(id)),
    );
    const again: Wanted[] = [];
    const fresh: Wanted[] = [];
    const offers = offered.map(async (wanted, i) => {
      const [kind, data] = found[i] ?? ['none', ''];
      if (kind === 'active') again.push(wanted);
      else if (kind === 'none') fresh.push(...(await this.#unsettled(wanted)));
      else if (!(await this.#merge(wanted, data))) again.push(wanted);
    });
    await Promise.all(offers);
    if (fresh.length > 0) {
      await this.#queue.add(
        fresh.map(({ slice }) => slice),
        fresh.map(({ id }) => id),
      );
    }
    return again;
  }

  /** What is still to be fetched of it: it may have been settled since the ledger was read. */
  async #unsettled({ id, slice }: Wanted): Promise<Wanted[]> {
    const fetches = await this.#pending(slice.batch, unpackSlice(slice));
    if (fetches.length === 0) return [];
    return [{ id, slice: packSlice(slice.batch, slice.origin, fetches) }];
  }

  /** @returns false if the slice was changed meanwhile */
  async #merge({ id, slice }: Wanted, data: string): Promise<boolean> {
    // One that is damaged lacks all of them.
    const queued = readSlice(data);
    const present = queued === undefined ? [] : unpackSlice(queued);
    const known = new Set(present.map(({ index }) => index));
    const lacking = unpackSlice(slice).filter(({ index }) => !known.has(index));
    const missing = await this.#pending(slice.batch, lacking);
    if (missing.length === 0) return true;
    const ticket = queued?.ticket;
    const packed = packSlice(slice.batch, slice.origin, [...present, ...missing]);
    const merged = ticket === undefined ? packed : { ...packed, ticket };
    const args = [data, JSON.stringify(merged)];
    return (await scripts.merge.run(this.#redis, [this.#keys.queue(id)], args)) === 1;
  }

  async #pending(batch: string, fetches: readonly PendingFetch[]): Promise<PendingFetch[]> {
    if (fetches.length === 0) return [];
    const indexes = fetches.map(({ index }) => index);
    const settled = await this.#ledger.areSettled(batch, indexes);
    return fetches.filter((_, i) => settled[i] !== true);
  }
}
