import { isBatchId, OUTCOMES } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { REMOVE } from '../ledger/ledger.lua.ts';
import { Script } from '../redis/script.ts';
import { type OnPassedOver, passOver, validIds } from '../redis/stored-state.ts';
import { PausedSlices } from '../queue/paused-slices.ts';

const remove = new Script(REMOVE, z.number().int());

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

  /** Removes the note: nothing is left of the batch. */
  async finish(batch: string): Promise<void> {
    await this.#redis.hdel(this.#keys.removals, batch);
  }

  /** Removals that have begun but not finished: batch to results folder, '' if none is known. */
  async unfinished(): Promise<ReadonlyMap<string, string>> {
    const onPassedOver = this.#onPassedOver;
    const notes = this.#redis.hgetall(this.#keys.removals);
    const found = (await passOver('the list of removals', notes, onPassedOver)) ?? {};
    const ids = { noun: 'a batch id', isId: isBatchId };
    return new Map(
      validIds(Object.keys(found), ids, onPassedOver).map((id) => [id, found[id] ?? '']),
    );
  }

  #keysOf(batch: string): string[] {
    const keys = this.#keys;
    return [
      keys.batches,
      keys.unfinished,
      keys.removals,
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
