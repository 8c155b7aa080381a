import { setTimeout as sleep } from 'node:timers/promises';
import { packSlice, type PendingFetch, type Slice, unpackSlice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Ledger } from '../ledger/ledger.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { readSlice } from './slice-scan.ts';
import { INSPECT, MERGE } from './slice-merger.lua.ts';

/** Between two checks of slices that workers have. */
const POLL_MS = 200;

const scripts = {
  inspect: new Script(INSPECT, z.array(z.tuple([z.enum(['none', 'active', 'idle']), z.string()]))),
  merge: new Script(MERGE, z.number().int()),
};

/** Where slices are queued. */
interface Target {
  add(slices: readonly Slice[], ids: readonly string[]): Promise<void>;
}

interface WantedSlice {
  readonly id: string;
  readonly slice: Slice;
}

/**
 * Queues fetches again that were settled before, while the rest of their slice may still be queued.
 * A slice is one job for its whole life, so the fetches are merged into the job that exists. A
 * slice that a worker has must wait: the worker will write back what is left of it, without the new
 * fetches.
 *
 *     none    there is no such job: it is queued as a new slice
 *     idle    the job gets the fetches that it lacks
 *     active  a worker has the job: checked again, after all others
 */
export class SliceMerger {
  readonly #queue: Target;
  readonly #ledger: Pick<Ledger, 'areSettled'>;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #postponed: WantedSlice[] = [];

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

  /** As the `add` of the queue; {@link finish} adds what cannot be added yet. */
  async add(slices: readonly Slice[], ids: readonly string[]): Promise<void> {
    const wanted = slices.map((slice, i) => ({ id: ids[i] ?? '', slice }));
    this.#postponed.push(...(await this.#merge(wanted)));
  }

  /** Waits for the slices that workers have. Resolves when all that was added is queued. */
  async finish(signal: AbortSignal): Promise<void> {
    while (this.#postponed.length > 0) {
      await sleep(POLL_MS, undefined, { signal });
      this.#postponed.push(...(await this.#merge(this.#postponed.splice(0))));
    }
  }

  /** @returns the slices that have to be tried again */
  async #merge(wanted: readonly WantedSlice[]): Promise<WantedSlice[]> {
    const keys = wanted.map(({ id }) => this.#keys.queue(id));
    const found = await scripts.inspect.run(this.#redis, keys);
    const again: WantedSlice[] = [];
    const fresh: WantedSlice[] = [];
    const merges = wanted.map(async (one, i) => {
      const [state, data] = found[i] ?? ['none', ''];
      if (state === 'none') {
        fresh.push(...(await this.#unsettled(one)));
      } else if (state === 'active' || !(await this.#mergeInto(data, one))) {
        again.push(one);
      }
    });
    await Promise.all(merges);
    if (fresh.length > 0) {
      const slices = fresh.map(({ slice }) => slice);
      await this.#queue.add(
        slices,
        fresh.map(({ id }) => id),
      );
    }
    return again;
  }

  /** Without the fetches that were settled since the ledger was read. */
  async #unsettled({ id, slice }: WantedSlice): Promise<WantedSlice[]> {
    const fetches = await this.#pending(slice.batch, unpackSlice(slice));
    if (fetches.length === 0) {
      return [];
    }
    return [{ id, slice: packSlice(slice.batch, slice.origin, fetches) }];
  }

  /** @returns false if the queued slice changed meanwhile */
  async #mergeInto(data: string, { id, slice }: WantedSlice): Promise<boolean> {
    const queued = readSlice(data);
    // A damaged slice lacks all of its fetches.
    const present = queued === undefined ? [] : unpackSlice(queued);
    const known = new Set(present.map(({ index }) => index));
    const lacking = unpackSlice(slice).filter(({ index }) => !known.has(index));
    const missing = await this.#pending(slice.batch, lacking);
    if (missing.length === 0) {
      return true;
    }
    const ticket = queued?.ticket;
    const packed = packSlice(slice.batch, slice.origin, [...present, ...missing]);
    const merged = ticket === undefined ? packed : { ...packed, ticket };
    const args = [data, JSON.stringify(merged)];
    return (await scripts.merge.run(this.#redis, [this.#keys.queue(id)], args)) === 1;
  }

  async #pending(batch: string, fetches: readonly PendingFetch[]): Promise<PendingFetch[]> {
    if (fetches.length === 0) {
      return [];
    }
    const indexes = fetches.map(({ index }) => index);
    const settled = await this.#ledger.areSettled(batch, indexes);
    return fetches.filter((_, i) => settled[i] !== true);
  }
}
