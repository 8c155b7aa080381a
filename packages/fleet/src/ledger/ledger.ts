import { type Crawl, newBatchId, type Outcome, OUTCOMES, type Plan } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { idInShard } from '../redis/shard-names.ts';
import { type OnPassedOver, readStored } from '../redis/stored-state.ts';
import { type BatchStatus, storedBatch } from './batch-status.ts';
import { RETRY, UNSETTLE } from './clear.lua.ts';
import { leastLoaded } from './least-loaded.ts';
import * as lua from './ledger.lua.ts';
import {
  type BatchChanges,
  LedgerReader,
  MISSING_SECRET_MS,
  type ResultsFolder,
} from './ledger-reader.ts';
import { notifyField } from './notify-field.ts';
import { packFields, UNPACKED_FIELDS, unpackFields } from './packed-fields.ts';
import { READS_SEVERAL_ORIGINS } from './report-marks.ts';
import { parseStoredPlan } from './stored-crawl.ts';
import { UnknownBatchError } from './unknown-batch-error.ts';

/** Fetches that are cleared in one go: Redis does nothing else meanwhile. */
const UNSETTLE_CHUNK = 5_000;

const integer = z.number().int();
const text = z.string().nullish();

const scripts = {
  settle: new Script(lua.SETTLE, z.tuple([integer, integer])),
  register: new Script(lua.REGISTER, integer, { needsRoom: true }),
  expanded: new Script(lua.EXPANDED, integer),
  pause: new Script(lua.PAUSE, integer),
  unpause: new Script(lua.UNPAUSE, integer),
  cancel: new Script(lua.CANCEL, integer),
  replacePlan: new Script(lua.REPLACE_PLAN, integer),
  replaceReceivers: new Script(lua.REPLACE_RECEIVERS, integer),
  reopen: new Script(lua.REOPEN, integer),
  retry: new Script(RETRY, z.tuple([integer, integer])),
  unsettle: new Script(UNSETTLE, z.tuple([integer, integer])),
  open: new Script(lua.OPEN, z.array(text)),
  reportMissing: new Script(lua.REPORT_MISSING, integer),
  hold: new Script(lua.HOLD, integer),
  pack: new Script(lua.PACK, integer),
};

/** A fetch whose record is durable, or a page of one. */
export interface Settlement {
  readonly index: number;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly bytes: number;
  /** Set for a page. */
  readonly page?: SettledPage | undefined;
}

/** What is stored with a page that is durable. */
type SettledPage =
  /** Where the chain goes on: the fetch is not settled yet. */
  | { readonly cursor: string }
  /** It was the last one. A fetch that is retried goes on at its cursor, if that is kept. */
  | { readonly keepsCursor: boolean };

export interface BatchRegistration {
  readonly id: string;
  readonly crawl: Crawl;
  readonly total: number;
  readonly sliceSize: number;
  /**
   * Whether few fetches each of several origins may share a slice. They do if every worker of the
   * fleet can read that: see the status. @default false
   */
  readonly mixesOrigins?: boolean;
  /** Path of the crawl file, for people. */
  readonly source: string;
  /** A hash of the crawl file and its lists: equal for equal expansions. */
  readonly fingerprint: string;
  /** The schedule that starts it. */
  readonly schedule?: string | undefined;
  /** The spans that it came from: see {@link Ledger.trace}. */
  readonly trace?: string | undefined;
}

/** What a worker needs to start on a batch. */
export interface OpenBatch extends BatchChanges {
  readonly plan: Plan;
  readonly total: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/**
 * The state and progress of every batch: a hash with counters and state, one bit for each settled
 * fetch, one for each failure.
 *
 *                ┌──────────────── retry, unsettle ──────────────────┐
 *                ▼                                                   │
 *     register ▶ expanding ──expanded──▶ running ──last settle──▶ finished
 *                ▲   │   ▲                │  ▲ └─retry─▶ expanding   ▲
 *                │   │   └────unpause──┐  │  └──unpause──┐           │
 *                │   └──────pause────▶ paused ◀───pause──┘           │
 *                │                     │ ├── last settle, all queued ┘
 *                └──reopen── cancelled ◀─┴── cancel (from expanding and running, too)
 *
 * A paused batch keeps the state it had. Its expansion may end meanwhile: then it returns to
 * running. Every method may be repeated: a bit is counted when it changes, and states only move
 * along these arrows.
 */
export class Ledger extends LedgerReader {
  readonly #by: string;

  /** @param by who changes batches, for their events: `ann@host`, or the id of a worker */
  constructor(redis: Redis, keys?: FleetKeys, onPassedOver?: OnPassedOver, by = '') {
    super(redis, keys, onPassedOver);
    this.#by = by;
  }

  /**
   * An id for a new batch, in the shard with the fewest unfinished batches; of several, in the one
   * with the fewest slices in its queue; of several, in any.
   *
   * @param name of its crawl
   */
  async newId(name: string): Promise<string> {
    const { shards } = this.keys;
    const id = newBatchId(name, new Date(), Math.random);
    return shards.length === 1 ? id : idInShard(id, await leastLoaded(this.redis, shards));
  }

  /**
   * Adds the batch, in state `expanding`. Registering it again changes nothing.
   *
   * @returns whether it is new
   */
  async register(batch: BatchRegistration): Promise<boolean> {
    const { id, crawl, total, sliceSize, mixesOrigins } = batch;
    const { source, fingerprint, schedule, trace } = batch;
    const receivers = notifyField(crawl, total);
    const fields = {
      name: crawl.plan.name,
      total,
      sliceSize,
      source,
      fingerprint,
      ...(mixesOrigins === true && { mixesOrigins: 1 }),
      ...(schedule !== undefined && { schedule }),
      ...(receivers !== undefined && { notify: receivers }),
      ...(trace !== undefined && { trace }),
    };
    const { batches, unfinished, workers, workersInfo } = this.keys.shardOf(id);
    const isNew = await scripts.register.run(
      this.redis,
      [this.keys.batch(id), batches, unfinished, workers, workersInfo],
      [
        id,
        schedule === undefined ? this.#by : `schedule ${schedule}`,
        READS_SEVERAL_ORIGINS,
        ...Object.entries(fields).flat(),
        'plan',
        JSON.stringify(crawl.plan),
        'crawl',
        crawlField(crawl),
      ],
    );
    return isNew === 1;
  }

  /**
   * Takes the lease of the one producer that expands a batch. Call it again to renew the lease.
   *
   * @returns false while another holder has it
   */
  async holdExpansion(id: string, holder: string, ttlMs: number): Promise<boolean> {
    return (await scripts.hold.run(this.redis, [this.keys.expansion(id)], [holder, ttlMs])) === 1;
  }

  async releaseExpansion(id: string, holder: string): Promise<void> {
    await scripts.hold.run(this.redis, [this.keys.expansion(id)], [holder, 0]);
  }

  /**
   * Notes that every slice is queued: the batch runs, or is finished if all fetches are settled.
   *
   * @returns its status, and whether this call has finished it
   */
  async expanded(id: string): Promise<BatchStatus & { readonly isFinishedHere: boolean }> {
    const isFinishedHere = await this.#enter(scripts.expanded, id);
    if (isFinishedHere) {
      await this.#pack(id);
    }
    const status = await this.status(id);
    if (status === undefined) {
      throw new UnknownBatchError(id);
    }
    return { ...status, isFinishedHere };
  }

  /**
   * Records that the records of these fetches are durable. May be repeated.
   *
   * @returns how many were not settled before, and whether this call finished the batch
   * @throws UnknownBatchError when the batch was removed
   */
  async settle(
    id: string,
    settlements: readonly Settlement[],
  ): Promise<{ readonly settled: number; readonly finished: boolean }> {
    // One argument for all numbers: the client spends more on an argument than on its content.
    const rows = settlements.flatMap((settlement) => [
      settlement.index,
      endingOf(settlement),
      settlement.durationMs,
      settlement.bytes,
    ]);
    const [settled, finished] = await scripts.settle.run(
      this.redis,
      [...this.#bitKeys(id), this.keys.shardOf(id).totals],
      [JSON.stringify(rows), id, ...OUTCOMES],
    );
    if (settled === -1) {
      throw new UnknownBatchError(id);
    }
    if (finished === 1) {
      await this.#pack(id);
    }
    return { settled, finished: finished === 1 };
  }

  /**
   * What a worker needs of a batch; undefined if it is unknown. The first call sets its start time.
   *
   * @param results path of the worker's results folder; the first one stays
   * @param folder what is there: {@link begunElsewhere} compares it
   */
  async open(
    id: string,
    results = '',
    folder: ResultsFolder = { place: '', id: '' },
  ): Promise<OpenBatch | undefined> {
    return readStored(`batch ${id}`, this.#open(id, results, folder));
  }

  async #open(id: string, results: string, folder: ResultsFolder): Promise<OpenBatch | undefined> {
    const [state, plan, total, createdAt, planRevision, packed] = await scripts.open.run(
      this.redis,
      [this.keys.batch(id), this.keys.shardOf(id).unfinished, this.keys.packed(id)],
      [results, id, folder.place, folder.id, this.#by],
    );
    if (state === undefined) {
      return undefined;
    }
    const unpacked = unpackFields(packed ?? '');
    const fields = storedBatch.parse({
      state,
      total,
      createdAt: createdAt ?? unpacked['createdAt'],
      planRevision: planRevision ?? unpacked['planRevision'],
    });
    return { ...fields, plan: parseStoredPlan(plan ?? unpacked['plan'] ?? '') };
  }

  /** Cancels the batch. @returns false if it has ended already, or is unknown */
  async cancel(id: string): Promise<boolean> {
    return this.#enter(scripts.cancel, id);
  }

  /**
   * Workers start no fetch of the batch until {@link unpause}.
   *
   * @returns false unless it was expanding or running
   */
  async pause(id: string): Promise<boolean> {
    return this.#enter(scripts.pause, id);
  }

  /** Returns the batch to the state it was paused in. @returns false if it was not paused */
  async unpause(id: string): Promise<boolean> {
    return this.#enter(scripts.unpause, id);
  }

  /**
   * Replaces the plan of a batch that has not ended. Workers follow within a second or so. The
   * fetches must stay the same: only politeness, retry and limits may differ.
   *
   * @returns false if the batch has ended, or no longer has the fingerprint `before`
   */
  async replacePlan(
    id: string,
    plan: Plan,
    fingerprint: { readonly before: string; readonly now: string },
  ): Promise<boolean> {
    const args = [fingerprint.before, fingerprint.now, JSON.stringify(plan)];
    return (await scripts.replacePlan.run(this.redis, [this.keys.batch(id)], args)) === 1;
  }

  /** Replaces who is told of a batch that has not ended. */
  async replaceReceivers(id: string, total: number, crawl: Crawl): Promise<void> {
    const args = [notifyField(crawl, total) ?? '', crawlField(crawl)];
    await scripts.replaceReceivers.run(this.redis, [this.keys.batch(id)], args);
  }

  /** Lets a cancelled batch be enqueued again. The caller then expands it. */
  async reopen(id: string): Promise<void> {
    await this.#enter(scripts.reopen, id);
  }

  /**
   * Clears failures of a batch that is finished, running or expanding: these fetches are not
   * settled any more. The caller then expands the batch.
   *
   * @param outcomes of the failures. @default all
   * @returns how many were cleared; undefined if the batch is paused, cancelled or unknown
   */
  async retry(id: string, outcomes: readonly Outcome[] = OUTCOMES): Promise<number | undefined> {
    const packed = await this.packed(id);
    const fields = Object.entries(unpackFields(packed)).flat();
    const failures = outcomes.filter((outcome) => outcome !== 'ok');
    const [isAllowed, cleared] = await scripts.retry.run(
      this.redis,
      [...this.#bitKeys(id), this.keys.packed(id)],
      [id, packed, JSON.stringify(fields), this.#by, ...failures],
    );
    if (isAllowed === -1) {
      return this.retry(id, outcomes);
    }
    return isAllowed === 1 ? cleared : undefined;
  }

  /**
   * Clears settled fetches of these indexes, in the states that {@link retry} takes. The caller
   * then expands the batch.
   *
   * @param outcomes only failures with these. @default any fetch: its record is lost
   * @returns how many were cleared; undefined if the batch is paused, cancelled or unknown
   */
  async unsettle(
    id: string,
    indexes: Iterable<number>,
    outcomes?: readonly Outcome[],
  ): Promise<number | undefined> {
    const wanted = outcomes === undefined ? '' : JSON.stringify(outcomes);
    const failures = OUTCOMES.filter((outcome) => outcome !== 'ok');
    const keys = [...this.#bitKeys(id), this.keys.packed(id)];
    let sum = 0;
    for (const chunk of chunksOf(indexes, UNSETTLE_CHUNK)) {
      let isAllowed = -1;
      let cleared = 0;
      // The batch may be packed or unpacked between the reading and the script.
      while (isAllowed === -1) {
        const packed = await this.packed(id);
        const fields = Object.entries(unpackFields(packed)).flat();
        const own = [id, packed, JSON.stringify(fields), JSON.stringify(chunk), wanted];
        const args = [...own, this.#by, ...failures];
        [isAllowed, cleared] = await scripts.unsettle.run(this.redis, keys, args);
      }
      if (isAllowed !== 1) {
        return undefined;
      }
      sum += cleared;
    }
    return sum;
  }

  /** Reports variables that a worker lacks. {@link status} names them for a minute. */
  async reportMissingSecrets(id: string, names: readonly string[]): Promise<void> {
    await scripts.reportMissing.run(
      this.redis,
      [this.keys.missingSecrets(id)],
      [MISSING_SECRET_MS, ...names],
    );
  }

  async #enter(script: Script<number>, id: string): Promise<boolean> {
    const keys = [this.keys.batch(id), this.keys.shardOf(id).unfinished];
    return (await script.run(this.redis, keys, [id, this.#by])) === 1;
  }

  /**
   * Packs a batch that has just finished. If that fails, the batch takes more room and loses
   * nothing; what has finished it must not seem to have failed.
   */
  async #pack(id: string): Promise<void> {
    try {
      const fields = await this.redis.hgetall(this.keys.batch(id));
      const { retries = '0' } = fields;
      await scripts.pack.run(
        this.redis,
        [this.keys.batch(id), this.keys.packed(id)],
        [packFields(fields), retries, ...UNPACKED_FIELDS],
      );
    } catch {
      // Redis cannot be reached, or is full.
    }
  }

  #bitKeys(id: string): string[] {
    const keys = this.keys;
    return [keys.batch(id), keys.settled(id), keys.failed(id), keys.shardOf(id).unfinished];
  }
}

/** The crawl without its plan, which workers read more often. */
function crawlField({ sources, combine, only, notify }: Crawl): string {
  return JSON.stringify({
    sources,
    combine,
    ...(only !== undefined && { only }),
    ...(notify !== undefined && { notify }),
  });
}

/** What SETTLE takes for a fetch or a page. */
function endingOf({ outcome, page }: Settlement): number | string | readonly [number, 0 | 1] {
  const position = OUTCOMES.indexOf(outcome);
  if (page === undefined) {
    return position;
  }
  return 'cursor' in page ? page.cursor : [position, page.keepsCursor ? 1 : 0];
}

function* chunksOf(indexes: Iterable<number>, size: number): Generator<readonly number[]> {
  let chunk: number[] = [];
  for (const index of indexes) {
    if (chunk.push(index) === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) {
    yield chunk;
  }
}
