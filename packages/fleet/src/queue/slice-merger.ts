import { setTimeout as sleep } from 'node:timers/promises';
import {
  indexesOf,
  isMixed,
  packSlice,
  type PendingFetch,
  type Slice,
  unpackSlice,
} from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { LedgerReader } from '../ledger/ledger-reader.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { partId, readSlice } from './slice-scan.ts';
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
  /** Where fetches of it may be as well: ids of slices that it was split into. */
  readonly parts: readonly string[];
}

type Found = readonly ['none' | 'active' | 'idle', string];

const NOT_FOUND: Found = ['none', ''];

/**
 * Queues fetches again that were settled before, while the rest of their slice may still be queued.
 * A slice is one job for its whole life, so the fetches are merged into the job that exists. A
 * slice that a worker has must wait: the worker will write back what is left of it, without the new
 * fetches.
 *
 *     none    there is no such job: it is queued as a new slice
 *     idle    the job gets the fetches that it lacks
 *     active  a worker has the job: checked again, after all others
 *
 * A slice of several origins may have been split. Its fetches are then in any of its parts.
 *
 * Where nothing was cleared, a slice that is queued lacks nothing, whoever has it.
 */
export class SliceMerger {
  readonly #queue: Target;
  readonly #ledger: Pick<LedgerReader, 'areSettled'>;
  readonly #isRetried: boolean;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #postponed: WantedSlice[] = [];

  constructor(options: {
    readonly queue: Target;
    readonly ledger: Pick<LedgerReader, 'areSettled'>;
    /** Whether fetches were settled, and are not any more. */
    readonly isRetried: boolean;
    readonly redis: Redis;
    readonly keys?: FleetKeys;
  }) {
    this.#queue = options.queue;
    this.#ledger = options.ledger;
    this.#isRetried = options.isRetried;
    this.#redis = options.redis;
    this.#keys = options.keys ?? fleetKeys();
  }

  /** As the `add` of the queue; {@link finish} adds what cannot be added yet. */
  async add(
    slices: readonly Slice[],
    ids: readonly string[],
    wholes: readonly Slice[],
  ): Promise<void> {
    const wanted = slices.map((slice, i): WantedSlice => {
      const id = ids[i] ?? '';
      const whole = wholes[i] ?? slice;
      const parts = isMixed(whole) ? indexesOf(whole).map((index) => partId(id, index)) : [];
      return { id, slice, parts };
    });
    const mayLack = this.#isRetried ? wanted : wanted.filter(({ slice }) => isMixed(slice));
    const [postponed] = await Promise.all([
      this.#merge(mayLack),
      this.#addAll(wanted.filter((one) => !mayLack.includes(one))),
    ]);
    this.#postponed.push(...postponed);
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
    const again: WantedSlice[] = [];
    const fresh: WantedSlice[] = [];
    const ids = wanted.flatMap(({ id, parts }) => [id, ...parts]);
    const found = await scripts.inspect.run(this.#redis, ids.map(this.#keys.slice));
    const merges = wanted.map(async (one) => {
      const [own = NOT_FOUND, ...parts] = found.splice(0, one.parts.length + 1);
      const queued = parts.filter(([state]) => state !== 'none');
      const isNew = own[0] === 'none' && queued.length === 0;
      if (isNew) {
        fresh.push(...(await this.#unsettled(one)));
      } else if (this.#isRetried && !(await this.#mergeInto(one, [own, ...queued]))) {
        again.push(one);
      }
    });
    await Promise.all(merges);
    await this.#addAll(fresh);
    return again;
  }

  async #addAll(wanted: readonly WantedSlice[]): Promise<void> {
    if (wanted.length > 0) {
      const slices = wanted.map(({ slice }) => slice);
      await this.#queue.add(
        slices,
        wanted.map(({ id }) => id),
      );
    }
  }

  /** Without the fetches that were settled since the ledger was read. */
  async #unsettled(wanted: WantedSlice): Promise<WantedSlice[]> {
    const { slice } = wanted;
    const fetches = await this.#pending(slice.batch, unpackSlice(slice));
    if (fetches.length === 0) {
      return [];
    }
    return [{ ...wanted, slice: packSlice(slice.batch, slice.origin, fetches) }];
  }

  /**
   * @param found the slice, and what it was split into
   * @returns false if a worker has any of them, or the slice changed meanwhile
   */
  async #mergeInto({ id, slice }: WantedSlice, found: readonly Found[]): Promise<boolean> {
    if (found.some(([state]) => state === 'active')) {
      return false;
    }
    const [[, data] = NOT_FOUND] = found;
    const queued = readSlice(data);
    // A damaged slice lacks all of its fetches.
    const present = queued === undefined ? [] : unpackSlice(queued);
    const known = new Set(found.flatMap(([, text]) => indexesIn(text)));
    const lacking = unpackSlice(slice).filter(({ index }) => !known.has(index));
    const missing = await this.#pending(slice.batch, lacking);
    if (missing.length === 0) {
      return true;
    }
    const ticket = queued?.ticket;
    const packed = packSlice(slice.batch, slice.origin, [...present, ...missing]);
    if (data === '') {
      // It has ended, and only parts of it are left.
      await this.#queue.add([packed], [id]);
      return true;
    }
    const merged = ticket === undefined ? packed : { ...packed, ticket };
    const args = [data, JSON.stringify(merged)];
    return (await scripts.merge.run(this.#redis, [this.#keys.slice(id)], args)) === 1;
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

function indexesIn(text: string): number[] {
  const slice = readSlice(text);
  return slice === undefined ? [] : indexesOf(slice);
}
