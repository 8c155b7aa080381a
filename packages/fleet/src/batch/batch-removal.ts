import { isBatchId, OUTCOMES } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys, type ShardKeys } from '../redis/keys.ts';
import { REMOVE } from '../ledger/ledger.lua.ts';
import { DONE } from './removal.lua.ts';
import { callWhenFull, Script } from '../redis/script.ts';
import { type OnPassedOver, passOver, validIds } from '../redis/stored-state.ts';
import { PausedSlices } from '../queue/paused-slices.ts';
import { batchOf, scanAll } from '../queue/slice-scan.ts';

const remove = new Script(REMOVE, z.number().int());
const done = new Script(DONE, z.number().int());

/** Why a batch is removed from a folder. */
export interface FolderRemoval {
  readonly schedule: string;
  /** The results folders, as workers have reported them. */
  readonly results: readonly string[];
}

const folderRemoval = z.object({ schedule: z.string(), results: z.array(z.string()) });

async function parseNote(json: string): Promise<FolderRemoval> {
  return folderRemoval.parse(JSON.parse(json));
}

/**
 * Removes batches that have ended. The steps may be interrupted at any point:
 *
 * 1. The batch leaves the ledger, and a note names its results folder. Both happen in one step, so
 *    that no command resumes a batch whose results are partly removed.
 * 2. What is left of it in the queue is removed.
 * 3. The caller removes the results.
 * 4. The note is removed.
 */
export class BatchRemoval {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #pausedSlices: PausedSlices;
  readonly #onPassedOver: OnPassedOver;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#onPassedOver = onPassedOver;
    this.#pausedSlices = new PausedSlices(redis, keys);
  }

  /**
   * Removes a batch from ledger and queue. May be repeated. The caller then removes the results and
   * calls {@link finish}.
   *
   * @param results the results folder that the note names
   * @returns false if the batch is neither finished nor cancelled: it stays
   */
  async begin(batch: string, results = ''): Promise<boolean> {
    const isRemoved = await remove.run(this.#redis, this.#keysOf(batch), [batch, results]);
    if (isRemoved !== 1) {
      return false;
    }
    await this.#pausedSlices.removeAll(batch);
    return true;
  }

  /** Removes the notes: nothing is left of the batch. */
  async finish(batch: string): Promise<void> {
    await this.#done(batch, '');
  }

  /**
   * The same for a batch whose results others remove, each in the folder that it has. The notes of
   * the folders come first: without them nobody would know of what is half removed.
   *
   * @param folders ids of the results folders
   */
  async beginInFolders(
    batch: string,
    { folders, schedule, results }: FolderRemoval & { readonly folders: readonly string[] },
  ): Promise<boolean> {
    const note = JSON.stringify({ schedule, results });
    const { folderRemovals } = this.#keys.shardOf(batch);
    for (const folder of folders) {
      await callWhenFull(this.#redis, 'HSET', folderRemovals, `${batch}|${folder}`, note);
    }
    const isBegun = await this.begin(batch, results.join('\n'));
    if (!isBegun || folders.length === 0) {
      await this.finish(batch);
    }
    return isBegun;
  }

  /** Batches that are to be removed from a results folder. */
  async inFolder(folder: string): Promise<ReadonlyMap<string, FolderRemoval>> {
    const found = await Promise.all(
      this.#keys.shards.map(async (shard) => this.#inFolderOf(shard, folder)),
    );
    return new Map(found.flatMap((one) => [...one]));
  }

  async #inFolderOf(
    { folderRemovals, removals }: ShardKeys,
    folder: string,
  ): Promise<ReadonlyMap<string, FolderRemoval>> {
    const read = Promise.all([this.#redis.hgetall(folderRemovals), this.#redis.hkeys(removals)]);
    const what = 'the list of removals';
    const [notes, begun] = (await passOver(what, read, this.#onPassedOver)) ?? [{}, []];
    const hasLeft = new Set(begun);
    const found = new Map<string, FolderRemoval>();
    for (const [name, note] of Object.entries(notes)) {
      const [batch = '', id] = name.split('|');
      // One that has not left the ledger yet may be retried instead.
      if (id === folder && isBatchId(batch) && hasLeft.has(batch)) {
        const parsed = await passOver(what, parseNote(note), this.#onPassedOver);
        found.set(batch, parsed ?? { schedule: '', results: [] });
      }
    }
    return found;
  }

  /** How many removals wait for somebody who has the folder. */
  async waiting(): Promise<number> {
    const counts = await Promise.all(
      this.#keys.shards.map(async ({ folderRemovals }) => {
        const read = this.#redis.hlen(folderRemovals);
        return (await passOver('the list of removals', read, this.#onPassedOver)) ?? 0;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** @returns whether nothing is left of the batch */
  async finishInFolder(batch: string, folder: string): Promise<boolean> {
    return (await this.#done(batch, folder)) === 1;
  }

  async #done(batch: string, folder: string): Promise<number> {
    const { removals, folderRemovals } = this.#keys.shardOf(batch);
    return done.run(this.#redis, [removals, folderRemovals], [batch, folder]);
  }

  /** Removals that have begun but not finished: batch to results folder, '' if none is known. */
  async unfinished(): Promise<ReadonlyMap<string, string>> {
    const onPassedOver = this.#onPassedOver;
    const lists = await Promise.all(
      this.#keys.shards.map(async ({ removals }) => {
        const notes = this.#redis.hgetall(removals);
        return (await passOver('the list of removals', notes, onPassedOver)) ?? {};
      }),
    );
    const found: Readonly<Record<string, string>> = Object.assign({}, ...lists);
    const ids = { noun: 'a batch id', isId: isBatchId };
    return new Map(
      validIds(Object.keys(found), ids, onPassedOver).map((id) => [id, found[id] ?? '']),
    );
  }

  /**
   * Batches that are not in the ledger, but have slices that workers have rejected. Workers of
   * version 0.1 rejected the slices that they had when their batch was removed.
   */
  async rejected(): Promise<string[]> {
    const lists = await Promise.all(
      this.#keys.shards.map(async ({ queue }) => {
        const read = this.#batchesIn(queue('failed'));
        return (await passOver('the rejected slices', read, this.#onPassedOver)) ?? [];
      }),
    );
    const found = lists.flat();
    const areKnown = await Promise.all(
      found.map(async (batch) => this.#redis.exists(this.#keys.batch(batch))),
    );
    return found.filter((_, at) => areKnown[at] === 0);
  }

  /** @param set a ZSET of slice ids; other programs may have put others there */
  async #batchesIn(set: string): Promise<string[]> {
    const batches = new Set<string>();
    await scanAll(async (cursor) => {
      const [next, found] = await this.#redis.zscan(set, cursor, 'COUNT', 1_000);
      for (const [at, id] of found.entries()) {
        const batch = at % 2 === 0 ? batchOf(id) : undefined;
        if (batch !== undefined) {
          batches.add(batch);
        }
      }
      return [next, found.length / 2, []];
    });
    return [...batches];
  }

  #keysOf(batch: string): string[] {
    const keys = this.#keys;
    const { batches, unfinished, removals } = keys.shardOf(batch);
    return [
      batches,
      unfinished,
      removals,
      keys.batch(batch),
      keys.packed(batch),
      keys.settled(batch),
      keys.failed(batch),
      ...OUTCOMES.map((outcome) => `${keys.failed(batch)}:${outcome}`),
      keys.pages(batch),
      keys.expansion(batch),
      keys.missingSecrets(batch),
    ];
  }
}
